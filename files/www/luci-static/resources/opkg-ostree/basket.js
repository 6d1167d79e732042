'use strict';
'require baseclass';

/* What is marked for the next transaction. It is kept with the tab, so that a reload loses nothing. */

const key = 'opkg-ostree.basket';
const namePattern = /^[A-Za-z0-9][A-Za-z0-9+._-]{0,127}$/;

/** @typedef {{ install: string[], remove: string[], uploads: { token: string, name: string, version: string }[] }} Basket */

/** @returns {Basket} */
function read() {
	/** @type {any} */
	let stored = null;
	try {
		stored = JSON.parse(window.sessionStorage.getItem(key) || 'null');
	} catch (_error) {
		stored = null;
	}
	const names = (/** @type {any} */ list) =>
		(Array.isArray(list) ? list : []).filter((name) => typeof name === 'string' && namePattern.test(name));
	const uploads = (Array.isArray(stored?.uploads) ? stored.uploads : []).filter((/** @type {any} */ one) =>
		L.isObject(one) && /^[0-9a-f]{64}$/.test(one.token));
	return { install: names(stored?.install), remove: names(stored?.remove), uploads };
}

/** @param {Basket} basket */
function write(basket) {
	try {
		window.sessionStorage.setItem(key, JSON.stringify(basket));
	} catch (_error) {
		// A browser that keeps nothing forgets the basket with the page.
	}
}

return baseclass.extend({
	get: function () {
		return read();
	},

	count: function () {
		const { install, remove, uploads } = read();
		return install.length + remove.length + uploads.length;
	},

	/** @param {string} name */
	mark: function (name) {
		const { install, remove } = read();
		return install.includes(name) ? 'install' : remove.includes(name) ? 'remove' : null;
	},

	/**
	 * Marks a package, or takes its mark away with null.
	 * @param {string} name
	 * @param {'install' | 'remove' | null} mark
	 */
	set: function (name, mark) {
		const basket = read();
		basket.install = basket.install.filter((one) => one !== name);
		basket.remove = basket.remove.filter((one) => one !== name);
		if (mark) basket[mark].push(name);
		write(basket);
	},

	/** @param {{ token: string, name: string, version: string }} upload */
	addUpload: function (upload) {
		const basket = read();
		basket.uploads = basket.uploads.filter((one) => one.name !== upload.name).concat([upload]);
		write(basket);
	},

	/** @param {string} token */
	dropUpload: function (token) {
		const basket = read();
		basket.uploads = basket.uploads.filter((one) => one.token !== token);
		write(basket);
	},

	clear: function () {
		write({ install: [], remove: [], uploads: [] });
	},
});
