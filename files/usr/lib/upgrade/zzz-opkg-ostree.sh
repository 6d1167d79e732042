# shellcheck shell=dash disable=SC2034
# Read last by all that reads /lib/upgrade: sysupgrade, validate_firmware_image (procd, rpcd and LuCI ask it), and stage 2 in its
# RAM disk. An image would overwrite the sysroot with every deployment and /var, so here none is found good and none is written.

# Releases before 19.07 write what was found bad where this is 1; later ones heed notify_firmware_broken.
FORCE=0
# What a platform of those releases does in the place of platform_do_upgrade.
do_upgrade=

platform_check_image() {
	echo "An image would overwrite every deployment of this system. 'opkg-ostree upgrade' takes the newest base, 'opkg-ostree rebase' another one."
	if type notify_firmware_broken >/dev/null 2>&1; then notify_firmware_broken; fi
	return 74
}

platform_do_upgrade() {
	echo "Nothing was written: this system is upgraded with 'opkg-ostree upgrade'."
	return 1
}

default_do_upgrade() {
	platform_do_upgrade
}

platform_pre_upgrade() {
	return 0
}

platform_copy_config() {
	return 0
}
