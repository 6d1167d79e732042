'use strict';
'require view';
'require ui';
'require opkg-ostree.api as api';
'require opkg-ostree.basket as basket';
'require opkg-ostree.job as job';
'require opkg-ostree.page as page';
'require opkg-ostree.plan as plan';

const pageSize = 50;
const kinds = () => ({
	available: _('Available'),
	installed: _('Installed'),
	layered: _('Added to the base'),
	upgradable: _('Upgradable'),
});

/** What is shown; kept while the page is drawn again. */
const wanted = { what: 'available', filter: '', offset: 0 };
/** Answers to older questions are dropped. */
let asked = 0;

/** @param {any} version */
function details(version) {
	const rows = [
		[_('Version'), version.version],
		[_('Architecture'), version.architecture],
		[_('Feed'), version.feed || _('installed')],
		[_('Size'), api.bytes(version['installed-bytes'] || version.installedBytes || version.size)],
		[_('Depends on'), (version.depends || []).join(', ') || '-'],
	];
	if ((version.conflicts || []).length > 0) rows.push([_('Conflicts with'), version.conflicts.join(', ')]);
	if ((version.provides || []).length > 0) rows.push([_('Provides'), version.provides.join(', ')]);
	return E('div', {}, [
		E('table', { class: 'table' }, rows.map(([name, value]) => E('tr', { class: 'tr' }, [
			E('td', { class: 'td left', width: '30%' }, [name]),
			E('td', { class: 'td left', style: 'overflow-wrap:anywhere' }, [api.plain(value)]),
		]))),
		E('p', { style: 'white-space:pre-line;overflow-wrap:anywhere' }, [api.plain(version.description)]),
	]);
}

/** @param {string} name */
function showInfo(name) {
	return api.call('info', { name }).then((/** @type {any} */ found) => {
		const close = E('button', { type: 'button', class: 'btn', click: ui.hideModal }, [_('Close')]);
		ui.showModal([found.name], [
			E('div', { style: 'max-height:60vh;overflow:auto', tabindex: '0' }, found.versions.map(details)),
			E('div', { class: 'right' }, [close]),
		]);
		close.focus();
	});
}

/** Takes a package file from this computer. @param {() => any} changed */
function upload(changed) {
	return api.call('upload').then((/** @type {any} */ place) => ui.uploadFile(place.path).then(
		() => api.call('upload_take').then((/** @type {any} */ reply) => {
			basket.addUpload(reply.package);
			changed();
		}),
		// Nothing was chosen.
		() => null,
	));
}

/** @param {any} status @param {() => any} again @param {() => any} changed */
function review(status, again, changed) {
	const chosen = basket.get();
	const tokens = chosen.uploads.map((one) => one.token);
	const words = chosen.install.concat(chosen.uploads.map((one) => `${one.name}.ipk`));
	const command = words.length > 0
		? ['opkg-ostree install'].concat(words, chosen.remove.map((name) => `--uninstall ${name}`)).join(' ')
		: `opkg-ostree remove ${chosen.remove.join(' ')}`;
	return plan.review({
		asked: { install: chosen.install, uploads: tokens, remove: chosen.remove },
		method: 'install',
		args: { packages: chosen.install, uploads: tokens, remove: chosen.remove },
		command,
		serial: status.serial,
		unsigned: tokens.length > 0,
		done: (ended) => {
			if (ended.state === 'done') basket.clear();
			changed();
			return again();
		},
	});
}

/** @param {any} entry @param {string[]} names @param {(focus?: string) => any} changed */
function entryRow(entry, names, changed) {
	const mark = basket.mark(entry.name);
	const version = entry.version && entry.version !== entry.available ? `${entry.version} → ${entry.available}` : String(entry.available || entry.version || '');
	const state = entry.layered ? _('added') : entry.version ? _('in the base') : '';
	const set = (/** @type {'install' | 'remove' | null} */ to) => () => {
		basket.set(entry.name, to);
		changed(entry.name);
	};
	const label = (/** @type {string} */ verb) => ({ 'data-package': entry.name, 'aria-label': `${verb} ${entry.name}` });
	const button = mark
		? api.action(_('Unmark'), 'neutral', set(null), label(_('Unmark')))
		: entry.layered
			? api.action(_('Remove'), 'negative', set('remove'), label(_('Remove')))
			: entry.version ? '' : api.action(_('Install'), 'positive', set('install'), label(_('Install')));
	const marked = mark ? E('strong', {}, [mark === 'install' ? _('to install') : _('to remove')]) : state;
	return api.row(names, [
		[E('a', { href: '#', click: (/** @type {Event} */ ev) => {
			ev.preventDefault();
			showInfo(entry.name).catch((/** @type {any} */ error) => api.alarm(error));
		} }, [entry.name])],
		[version],
		[api.plain(entry.summary)],
		[marked],
		[button],
	]);
}

return view.extend({
	load: function () {
		return api.call('status');
	},

	/** @param {any} status */
	render: function (status) {
		const listNode = E('div', { class: 'cbi-section' }, []);
		const basketNode = E('div', { 'aria-live': 'polite' }, []);
		const counter = E('p', { role: 'status', 'aria-live': 'polite' }, []);
		/** @type {any} */
		let current = status;
		/** @type {() => any} */
		let refresh = () => null;
		/** @type {any} */
		let reply = null;

		const drawBasket = () => {
			const chosen = basket.get();
			const count = basket.count();
			if (count === 0 || !api.writable()) return basketNode.replaceChildren();
			const words = chosen.install.map((name) => `+ ${name}`).concat(chosen.remove.map((name) => `- ${name}`));
			const uploads = chosen.uploads.map((one) => `+ ${api.plain(one.name)} ${api.plain(one.version)} (${_('uploaded')})`);
			basketNode.replaceChildren(E('div', { class: 'cbi-section opkg-ostree-basket' }, [
				E('h3', {}, [_('Marked (%d)').format(count)]),
				E('p', { style: 'overflow-wrap:anywhere' }, [words.concat(uploads).join(', ')]),
				E('div', { class: 'right' }, [
					api.button(_('Clear'), 'neutral', () => {
						basket.clear();
						changed();
					}),
					' ',
					api.button(_('Review…'), 'apply', () => review(current, refresh, changed)),
				]),
			]));
		};
		const drawList = () => {
			if (!reply) return;
			const names = [_('Package'), _('Version'), _('Description'), _('State'), _('Action')];
			const last = Math.min(reply.offset + reply.items.length, reply.total);
			counter.textContent = reply.total === 0 ? _('No package.') : _('%d to %d of %d').format(reply.offset + 1, last, reply.total);
			const turn = (/** @type {number} */ by) => () => {
				wanted.offset = Math.max(0, wanted.offset + by);
				return load();
			};
			listNode.replaceChildren(
				counter,
				api.table(names, reply.items.map((/** @type {any} */ entry) => entryRow(entry, names, changed)), _('No package. Are the lists up to date?')),
				E('div', { class: 'right' }, [
					api.button(_('« Previous'), 'neutral', turn(-pageSize), reply.offset > 0 ? {} : { disabled: '' }),
					' ',
					api.button(_('Next »'), 'neutral', turn(pageSize), last < reply.total ? {} : { disabled: '' }),
				]),
			);
		};
		/** @param {string} [focus] the package whose button keeps the focus */
		const changed = (focus) => {
			drawBasket();
			drawList();
			const buttons = Array.from(listNode.querySelectorAll('button[data-package]'));
			const found = focus ? buttons.find((button) => button.getAttribute('data-package') === focus) : null;
			if (found) /** @type {HTMLElement} */ (found).focus();
		};
		const load = () => {
			asked += 1;
			const mine = asked;
			const question = { what: wanted.what, filter: wanted.filter, offset: wanted.offset, limit: pageSize };
			const call = wanted.filter.length > 2 && wanted.what === 'available'
				? api.call('search', { query: wanted.filter, offset: wanted.offset, limit: pageSize })
				: api.call('list', question);
			return call.then((/** @type {any} */ found) => {
				if (mine !== asked) return;
				reply = found;
				drawList();
			});
		};

		/** @type {number | undefined} */
		let typing;
		const filter = E('input', {
			type: 'search', class: 'cbi-input-text', id: 'opkg-ostree-filter', maxlength: '100', value: wanted.filter,
			placeholder: _('Type to filter…'), autocomplete: 'off', spellcheck: 'false',
			input: (/** @type {any} */ ev) => {
				window.clearTimeout(typing);
				wanted.filter = ev.target.value.trim();
				wanted.offset = 0;
				typing = window.setTimeout(() => load().catch((/** @type {any} */ error) => api.alarm(error)), 250);
			},
		});
		const kindNode = E('select', {
			class: 'cbi-input-select', id: 'opkg-ostree-kind',
			change: (/** @type {any} */ ev) => {
				wanted.what = ev.target.value;
				wanted.offset = 0;
				load().catch((/** @type {any} */ error) => api.alarm(error));
			},
		}, Object.entries(kinds()).map(([value, label]) => E('option', { value, selected: value === wanted.what ? '' : null }, [label])));

		const tools = E('div', { class: 'cbi-section', style: 'display:flex;flex-wrap:wrap;gap:.5em;align-items:flex-end' }, [
			E('div', {}, [E('label', { for: 'opkg-ostree-filter' }, [_('Filter')]), E('br'), filter]),
			E('div', {}, [E('label', { for: 'opkg-ostree-kind' }, [_('Show')]), E('br'), kindNode]),
			api.action(_('Update lists'), 'action', () => job.start('update', {}, () => refresh())),
			api.action(_('Upload package…'), 'action', () => upload(changed)),
		]);

		return page.draw(_('Software'), _('Mark packages, review the change, then apply it as one transaction.'), status, (found, again) => {
			current = found;
			refresh = again;
			drawBasket();
			return load().catch((/** @type {any} */ error) => {
				listNode.replaceChildren(E('div', { class: 'alert-message warning', role: 'alert' }, api.explain(error)));
			}).then(() => [basketNode, tools, listNode]);
		});
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null,
});
