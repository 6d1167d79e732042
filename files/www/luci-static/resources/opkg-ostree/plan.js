'use strict';
'require baseclass';
'require ui';
'require opkg-ostree.api as api';
'require opkg-ostree.job as job';

/* Shows what a change would do, and starts exactly that. */

/** @param {string} title @param {Node[]} items */
function part(title, items) {
	if (items.length === 0) return '';
	return E('div', {}, [E('h5', {}, ['%s (%d)'.format(title, items.length)]), E('ul', { style: 'max-height:10em;overflow:auto;overflow-wrap:anywhere' }, items)]);
}

/** @param {any[]} words */
function item(words) {
	return E('li', {}, words);
}

/** @param {any} plan */
function lists(plan) {
	return [
		plan.base && plan.base.from !== plan.base.to
			? E('p', {}, [E('strong', {}, [_('New base:')]), ' ', String(plan.base.version || api.short(plan.base.to).slice(0, 10))])
			: '',
		part(_('Install'), plan.install.map((/** @type {any} */ one) => item([
			E('strong', {}, [one.name]), ` ${one.version}`,
			one.reason === 'requested' ? '' : ` - ${one.reason === 'depends' ? _('needed by another package') : _('recommended')}`,
		]))),
		part(_('Replace'), plan.replace.map((/** @type {any} */ one) => item([E('strong', {}, [one.name]), ` ${one.from} → ${one.to}`]))),
		part(_('Remove'), plan.remove.map((/** @type {any} */ one) => item([E('strong', {}, [one.name]), ` ${one.version}`]))),
		part(_('Already in the base'), plan.inactive.map((/** @type {any} */ name) => item([String(name)]))),
		part(_('Set aside: they do not fit the new base'), plan.suspended.map((/** @type {any} */ name) => item([String(name)]))),
		part(_('Services that will start'), plan.services.enable.map((/** @type {any} */ name) => item([String(name)]))),
		part(_('Services that will stop'), plan.services.disable.map((/** @type {any} */ name) => item([String(name)]))),
	];
}

/** @param {any} plan */
function sums(plan) {
	const rows = [
		[_('To download'), api.bytes(plan['download-bytes'])],
		[_('Space on flash'), api.bytes(plan['flash-bytes'])],
	];
	if (plan['boot-bytes'] > 0) rows.push([_('Space on the boot partition'), api.bytes(plan['boot-bytes'])]);
	if (plan.etc) rows.push([_('Files of /etc'), _('%d updated, %d merged, %d in conflict').format(plan.etc.updated, plan.etc.merged, plan.etc.conflicts)]);
	return E('table', { class: 'table' }, rows.map(([name, value]) => E('tr', { class: 'tr' }, [E('td', { class: 'td left' }, [name]), E('td', { class: 'td right' }, [value])])));
}

/** @param {any} plan */
function isEmpty(plan) {
	return plan.base.from === plan.base.to && plan.install.length === 0 && plan.remove.length === 0 && plan.replace.length === 0;
}

return baseclass.extend({
	/**
	 * Plans a change, shows the plan, and starts it when it is agreed to. Resolves as soon as the plan is shown.
	 * @param {{ asked: Record<string, any>, method: string, args: Record<string, any>, command: string, serial: string, unsigned?: boolean, done: (job: any) => any }} change
	 */
	review: function (change) {
		ui.showModal([_('Planning…')], [E('p', { class: 'spinning', role: 'status' }, [_('The router works out what this change needs.')])]);
		return api.call('plan', change.asked).then((/** @type {any} */ reply) => {
			this.show(change, reply.plan);
		}).catch((/** @type {any} */ error) => {
			const close = E('button', { type: 'button', class: 'btn', click: ui.hideModal }, [_('Close')]);
			ui.showModal([_('This cannot be done')], [E('div', { role: 'alert' }, api.explain(error)), E('div', { class: 'right' }, [close])]);
			close.focus();
		});
	},

	/** @param {any} change @param {any} plan */
	show: function (change, plan) {
		const cancel = E('button', { type: 'button', class: 'btn', click: ui.hideModal }, [_('Cancel')]);
		const nothing = isEmpty(plan) && change.method === 'upgrade';
		const apply = nothing ? '' : api.action(_('Apply'), 'positive', () =>
			job.start(change.method, Object.assign({ plan_id: plan.id, expect_serial: change.serial }, change.args), change.done)
				.catch((/** @type {any} */ error) => {
					ui.hideModal();
					throw error;
				}));
		ui.showModal([nothing ? _('Everything is up to date') : _('Review the change')], [
			E('div', { class: 'opkg-ostree-plan' }, nothing ? [E('p', {}, [_('There is nothing to do.')])] : lists(plan).concat([
				sums(plan),
				change.unsigned ? E('div', { class: 'alert-message warning' }, [_('An uploaded package is not signed: only you vouch for it.')]) : '',
				E('p', {}, [_('The running system is not touched. The change takes effect after a restart, and can be rolled back.')]),
				E('p', {}, [_('The same on the command line:'), ' ', E('code', { style: 'overflow-wrap:anywhere' }, [change.command])]),
			])),
			E('div', { class: 'right' }, [cancel, ' ', apply]),
		]);
		(apply || cancel).focus();
	},
});
