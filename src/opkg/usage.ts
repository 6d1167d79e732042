/** What opkg prints on standard output when it is called the wrong way. */
export const usage = `usage: opkg [options...] sub-command [arguments...]
where sub-command is one of:

Package Manipulation:
	update			Fetch the package lists
	upgrade <pkgs>		Upgrade packages
	install <pkgs>		Install packages: names, files or URLs
	configure [glob]	Configure unpacked packages
	remove <pkgs|glob>	Remove packages
	flag <flag> <pkgs>	Flag packages: hold, noprune, user, ok, installed or unpacked
	clean			Empty the package cache that --cache names

Informational Commands:
	list [glob]		Packages of the lists and installed ones
	list-installed [glob]	Installed packages
	list-upgradable		Installed packages that the lists have newer
	list-changed-conffiles	Configuration files that differ from the packages'
	files <pkg>		Files of an installed package
	search <glob>		Packages that have a file
	find <glob>		Packages by name or description
	info [glob]		All about packages
	status [glob]		All about installed packages
	download <pkg>		Download packages into the current directory
	compare-versions <v1> <op> <v2>
				With one of <= < > >= = << >>
	print-architecture	Architectures that can be installed
	depends, whatdepends, whatdependsrec, whatrecommends, whatsuggests,
	whatprovides, whatconflicts, whatreplaces [-A] <globs>
				How packages hang together

Options:
	-A			All packages, not just installed ones
	-V[<level>]		Verbosity: 0 errors to 4 debug; 1 where absent
	-f <file>, --conf <file>	The main configuration file
	--cache <directory>	Keep downloaded packages there
	-d <name>, --dest <name>	The destination to work on
	-o <dir>, --offline-root <dir>
				Work on the root in that directory
	--verify-program <path>	What checks signatures
	--add-arch <arch>:<prio>	One more architecture
	--add-dest <name>:<path>	One more destination
	-t, --tmp-dir <dir>	Where temporary files go
	-l, --lists-dir <dir>	Where package lists are

Force Options:
	--force-depends		Despite failed dependencies
	--force-maintainer	Take the packages' configuration files
	--force-reinstall	Install again what is installed
	--force-overwrite	Overwrite files of other packages
	--force-downgrade	Allow older versions
	--force-space		Without looking at free space
	--force-postinstall	Run scripts for another root too
	--force-remove		Remove although a script fails
	--force-checksum	Despite wrong checksums
	--force-signature	Despite wrong signatures
	--no-check-certificate	Without checking certificates
	--noaction, --test	Show what would be done
	--download-only		Only download
	--nodeps		Do not follow dependencies
	--nocase		Ignore case in globs
	--size			Show sizes in lists
	--strip-abi		Names without their ABI version
	--force-removal-of-dependent-packages, --recursive
				Remove what depends on it too
	--autoremove		Remove what was pulled in and is no longer needed
`;
