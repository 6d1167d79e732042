'use strict';
'require view';
'require ui';
'require opkg-ostree.api as api';
'require opkg-ostree.job as job';
'require opkg-ostree.page as page';

/** @param {any} record */
function scripts(record) {
	const close = E('button', { type: 'button', class: 'btn', click: ui.hideModal }, [_('Close')]);
	const parts = record.scripts.map((/** @type {any} */ one) => E('div', {}, [
		E('h5', {}, [`${one.package} - ${one.class} - ${one.status}`]),
		one.output ? E('pre', { style: 'white-space:pre-wrap;overflow-wrap:anywhere' }, [api.plain(one.output)]) : '',
	]));
	ui.showModal([api.plain(record.command)], [
		record.error ? E('div', { class: 'alert-message danger' }, api.explain(record.error)) : '',
		E('div', { style: 'max-height:60vh;overflow:auto', tabindex: '0' }, parts.length > 0 ? parts : [E('p', {}, [_('No script was run.')])]),
		E('div', { class: 'right' }, [close]),
	]);
	close.focus();
}

/** @param {any} record @param {string[]} names */
function recordRow(record, names) {
	const verdict = record.outcome === 'done' && record.to ? `, ${api.verdict(record.verdict)}` : '';
	return api.row(names, [
		[api.when(record.time)],
		[E('code', { style: 'overflow-wrap:anywhere' }, [api.plain(record.command)])],
		[api.plain(record.by)],
		[`${api.state(record.outcome)}${verdict}`],
		[api.button(_('Details'), 'neutral', () => scripts(record), { 'aria-label': `${_('Details')} ${api.plain(record.command)}` })],
	]);
}

/** @param {any} found @param {string[]} names @param {() => any} again */
function jobRow(found, names, again) {
	return api.row(names, [
		[api.when(found.started)],
		[E('code', { style: 'overflow-wrap:anywhere' }, [api.plain(found.command)])],
		[api.plain(found.by)],
		[api.state(found.state)],
		[api.button(_('Log'), 'neutral', () => job.follow(found.id, again), { 'aria-label': `${_('Log')} ${api.plain(found.command)}` })],
	]);
}

/** @param {any} conflict @param {() => any} again */
function conflictRow(conflict, names, again) {
	const settle = (/** @type {string} */ decision) => () => api.call('etc_settle', { path: conflict.path, decision }).then(again);
	return api.row(names, [
		[E('code', { style: 'overflow-wrap:anywhere' }, [api.plain(conflict.path)])],
		[
			api.action(_('Keep mine'), 'neutral', settle('keep'), { 'aria-label': `${_('Keep mine')} ${api.plain(conflict.path)}` }),
			' ',
			api.action(_('Take the new one'), 'neutral', settle('accept'), { 'aria-label': `${_('Take the new one')} ${api.plain(conflict.path)}` }),
		],
	]);
}

return view.extend({
	load: function () {
		return api.call('status');
	},

	/** @param {any} status */
	render: function (status) {
		const names = [_('Time'), _('Command'), _('By'), _('Outcome'), ''];
		return page.draw(_('History & log'), _('What was done to this router, by whom, and what came of it.'), status, (_found, again) => Promise.all([
			api.call('history', { limit: 50 }),
			api.call('jobs', { limit: 20 }),
			api.call('etc').catch(() => ({ conflicts: [], total: 0 })),
		]).then(([history, jobs, etc]) => [
			etc.total > 0 ? E('div', { class: 'cbi-section' }, [
				E('h3', {}, [_('Files of /etc that wait for a decision (%d)').format(etc.total)]),
				api.table([_('File'), ''], etc.conflicts.map((/** @type {any} */ one) => conflictRow(one, [_('File'), ''], again))),
			]) : '',
			E('div', { class: 'cbi-section' }, [E('h3', {}, [_('History')]), api.table(names, history.history.map((/** @type {any} */ one) => recordRow(one, names)), _('Nothing yet.'))]),
			E('div', { class: 'cbi-section' }, [E('h3', {}, [_('Jobs since the last start')]), api.table(names, jobs.jobs.map((/** @type {any} */ one) => jobRow(one, names, again)), _('None.'))]),
		].filter((node) => node !== '')));
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null,
});
