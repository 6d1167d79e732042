'use strict';
'require view';
'require opkg-ostree.api as api';
'require opkg-ostree.job as job';
'require opkg-ostree.page as page';
'require opkg-ostree.plan as plan';

const pageSize = 200;
const choices = { packagesOnly: false, skipBroken: false };

/** @param {string} id @param {string} label @param {string} about @param {'packagesOnly' | 'skipBroken'} name */
function choice(id, label, about, name) {
	return E('div', { class: 'cbi-value' }, [
		E('label', { class: 'cbi-value-title', for: id }, [label]),
		E('div', { class: 'cbi-value-field' }, [
			E('input', {
				type: 'checkbox', id, checked: choices[name] ? '' : null,
				change: (/** @type {any} */ ev) => {
					choices[name] = ev.target.checked;
				},
			}),
			E('div', { class: 'cbi-value-description' }, [about]),
		]),
	]);
}

/** @param {any} status @param {() => any} again */
function review(status, again) {
	const flags = { packages_only: choices.packagesOnly, skip_broken: choices.skipBroken };
	const words = ['opkg-ostree upgrade'];
	if (choices.packagesOnly) words.push('--packages-only');
	if (choices.skipBroken) words.push('--skip-broken');
	const change = { asked: {}, method: 'upgrade', args: flags, command: words.join(' '), serial: status.serial, done: again };
	// The newest lists, also those of a new base, are fetched for it: that may take long, so it is a job.
	return job.start('preview', flags, (ended) => {
		if (ended.state === 'done' && ended.result && Array.isArray(ended.result.install)) plan.show(change, ended.result);
		else if (ended.state === 'done') api.alarm(new Error(_('The plan is too long to be shown here: use the command line.')));
	}, true);
}

/** @param {any} reply */
function packages(reply) {
	const names = [_('Package'), _('Installed'), _('Available')];
	const rows = reply.items.map((/** @type {any} */ entry) => api.row(names, [[entry.name], [String(entry.version)], [String(entry.available)]]));
	const more = reply.total > reply.items.length ? E('p', {}, [_('and %d more').format(reply.total - reply.items.length)]) : '';
	return [api.table(names, rows, _('Every package is up to date, as far as the lists know.')), more];
}

return view.extend({
	load: function () {
		return api.call('status');
	},

	/** @param {any} status */
	render: function (status) {
		return page.draw(_('Updates'), _('An upgrade takes the newest base of the branch and the newest packages on it, as a new deployment.'), status, (found, again) =>
			api.call('list', { what: 'upgradable', offset: 0, limit: pageSize }).then(packages, (/** @type {any} */ error) => [
				E('div', { class: 'alert-message warning', role: 'alert' }, api.explain(error)),
			]).then((/** @type {any[]} */ nodes) => [
				E('div', { class: 'cbi-section' }, [
					choice('opkg-ostree-packages-only', _('Packages only'), _('Keep the base as it is.'), 'packagesOnly'),
					choice('opkg-ostree-skip-broken', _('Set aside what does not fit'), _('Packages that cannot be added to the new base wait until they can.'), 'skipBroken'),
					E('div', { class: 'right', style: 'display:flex;flex-wrap:wrap;gap:.5em;justify-content:flex-end' }, [
						api.action(_('Check for updates'), 'action', () => job.start('update', {}, again)),
						api.action(_('Review upgrade…'), 'apply', () => review(found, again)),
					]),
				]),
				E('div', { class: 'cbi-section' }, [E('h3', {}, [_('Packages with a newer version')])].concat(nodes)),
			]));
	},

	handleSave: null,
	handleSaveApply: null,
	handleReset: null,
});
