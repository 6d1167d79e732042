'use strict';
'require view';
'require ui';
'require opkg-ostree.api as api';
'require opkg-ostree.job as job';
'require opkg-ostree.page as page';
'require opkg-ostree.restart as restart';

/** @param {any} one @param {any} status */
function marks(one, status) {
	const words = [];
	if (one.booted) words.push(_('running'));
	if (one.id === status.next) words.push(_('next start'));
	if (one.staged) words.push(_('waits for the shutdown'));
	if (one.rollback) words.push(_('rollback'));
	if (one.pinned) words.push(_('pinned'));
	return words.map((word) => E('span', { class: 'label', style: 'margin-right:.4em' }, [word]));
}

/** @param {any} health */
function healthText(health) {
	switch (health.state) {
		case 'good': return _('good');
		case 'bad': return _('bad: it did not start well');
		case 'trying': return typeof health['tries-left'] === 'number' ? _('on trial, %d tries left').format(health['tries-left']) : _('on trial');
		default: return _('not started yet');
	}
}

/** @param {any} one */
function facts(one) {
	const rows = [
		[_('Base'), one.origin],
		[_('Made'), api.when(one.timestamp)],
		[_('Kernel'), one['kernel-release'] || '-'],
		[_('Health'), healthText(one.health || {})],
		[_('Packages'), one['requested-packages'].concat(one['requested-local-packages']).join(', ') || _('none besides the base')],
	];
	if (one['suspended-packages'].length > 0) rows.push([_('Set aside'), one['suspended-packages'].join(', ')]);
	if (one['etc-conflicts'] > 0) rows.push([_('/etc conflicts'), String(one['etc-conflicts'])]);
	if (one['script-warnings'] > 0) rows.push([_('Script warnings'), String(one['script-warnings'])]);
	return E('table', { class: 'table' }, rows.map(([name, value]) => E('tr', { class: 'tr' }, [
		E('td', { class: 'td left', width: '25%' }, [name]),
		E('td', { class: 'td left', style: 'overflow-wrap:anywhere' }, [api.plain(value)]),
	])));
}

/** @param {any[]} changes @param {string} title */
function changesOf(changes, title) {
	if (changes.length === 0) return '';
	return E('div', {}, [E('h5', {}, [title]), E('ul', {}, changes.map((change) =>
		E('li', {}, [E('strong', {}, [change.name]), ' ', [change.from, change.to].filter(Boolean).join(' → ')])))]);
}

/** @param {any} from @param {any} to */
function compare(from, to) {
	return api.call('diff', { from: from.id, to: to.id }).then((/** @type {any} */ found) => {
		const { added, removed, upgraded, downgraded } = found.packages;
		const none = added.length + removed.length + upgraded.length + downgraded.length === 0;
		const close = E('button', { type: 'button', class: 'btn', click: ui.hideModal }, [_('Close')]);
		ui.showModal([_('%s compared with %s').format(api.title(to), api.title(from))], [
			E('div', { style: 'max-height:60vh;overflow:auto', tabindex: '0' }, [
				none ? E('p', {}, [_('The packages are the same.')]) : '',
				changesOf(added, _('Added')),
				changesOf(removed, _('Removed')),
				changesOf(upgraded, _('Upgraded')),
				changesOf(downgraded, _('Downgraded')),
				E('p', {}, [_('Files: %d added, %d removed, %d changed').format(found.files.added.count, found.files.removed.count, found.files.modified.count)]),
			]),
			E('div', { class: 'right' }, [close]),
		]);
		close.focus();
	});
}

/** @param {any} one @param {any} status @param {() => any} again */
function rollBack(one, status, again) {
	return api.confirm(_('Start this deployment from now on?'), [
		E('p', {}, [E('strong', {}, [api.title(one)]), ' ', E('code', {}, [api.short(one.id)])]),
		E('p', {}, [_('It becomes the one that the router starts. The deployment that runs now stays as it is until the restart.')]),
	], _('Roll back'), () => job.start('rollback', { target: one.id, expect_serial: status.serial }, again));
}

/** @param {any} one @param {any} status @param {() => any} again */
function card(one, status, again) {
	const reference = status.deployments.find((/** @type {any} */ other) => other.booted && other !== one)
		|| status.deployments.find((/** @type {any} */ other) => other !== one);
	const buttons = [];
	if (one.id !== status.next && !one.staged) buttons.push(api.action(_('Roll back to this'), 'action', () => rollBack(one, status, again)));
	if (one.id === status.next && !one.booted && status.booted) buttons.push(api.action(_('Restart now'), 'apply', () => restart.ask(status)));
	if (!one.staged) buttons.push(api.action(one.pinned ? _('Unpin') : _('Pin'), 'neutral', () =>
		api.call('pin', { id: one.id, pinned: !one.pinned, expect_serial: status.serial }).then(again)));
	if (reference) buttons.push(api.button(_('Compare'), 'neutral', () => compare(reference, one)));
	return E('div', { class: 'cbi-section opkg-ostree-deployment', 'data-id': one.id }, [
		E('h3', {}, [api.title(one), ' ', E('small', {}, [E('code', {}, [api.short(one.id)])])]),
		E('p', {}, marks(one, status)),
		E('div', { class: 'cbi-section-node' }, [facts(one)]),
		E('div', { class: 'right', style: 'display:flex;flex-wrap:wrap;gap:.5em;justify-content:flex-end' }, buttons.filter((node) => node !== '')),
	]);
}

return view.extend({
	load: function () {
		return api.call('status');
	},

	/** @param {any} status */
	render: function (status) {
		return page.draw(_('Deployments'), _('Each deployment is a whole system. The router starts the first one; the others are there to go back to.'), status, (found, again) => {
			const cards = found.deployments.map((/** @type {any} */ one) => card(one, found, again));
			const space = E('p', {}, [_('%s free, %s free for boot files').format(api.bytes(found['free-bytes']), api.bytes(found['boot-free-bytes']))]);
			const cleanup = api.action(_('Clean up'), 'neutral', () => api.confirm(_('Clean up?'), [
				E('p', {}, [_('Packages and lists that no deployment needs any more are dropped. Deployments stay.')]),
			], _('Clean up'), () => job.start('cleanup', {}, again)));
			return cards.concat([E('div', { class: 'cbi-section' }, [space, cleanup])]);
		});
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null,
});
