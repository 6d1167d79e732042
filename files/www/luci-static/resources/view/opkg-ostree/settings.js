'use strict';
'require view';
'require form';

/** @param {string} _section @param {string} value */
function isTime(_section, value) {
	return /^([01][0-9]|2[0-3]):[0-5][0-9]$/.test(value) || _('Expecting a time as in 03:30');
}

/** @param {number} least @param {number} most */
function within(least, most) {
	return (/** @type {string} */ _section, /** @type {string} */ value) =>
		(/^[0-9]{1,5}$/.test(value) && Number(value) >= least && Number(value) <= most) || _('Expecting a whole number from %d to %d').format(least, most);
}

return view.extend({
	render: function () {
		const map = new form.Map('opkg-ostree', _('Packages & Deployments: settings'), _('How this router keeps itself up to date.'));

		const automatic = map.section(form.NamedSection, 'automatic', 'automatic', _('Automatic updates'));
		const policy = automatic.option(form.ListValue, 'policy', _('Policy'), _('What happens on its own in the hours below. A deployment that was found bad is never taken again.'));
		policy.value('none', _('Nothing'));
		policy.value('check', _('Look for updates and note them in the log'));
		policy.value('stage', _('Make the new deployment; it is started when the router is restarted'));
		policy.value('apply', _('Make the new deployment and restart into it'));
		policy.default = 'none';

		const start = automatic.option(form.Value, 'window_start', _('Not before'), _('The local time at which the hours begin.'));
		start.placeholder = '03:00';
		start.rmempty = false;
		start.validate = isTime;
		start.depends({ policy: 'none', '!reverse': true });

		const end = automatic.option(form.Value, 'window_end', _('Not after'), _('An end before the beginning is on the next day.'));
		end.placeholder = '05:00';
		end.rmempty = false;
		end.validate = isTime;
		end.depends({ policy: 'none', '!reverse': true });

		const splay = automatic.option(form.Value, 'splay', _('Random delay'), _('At most so many minutes, so that not all routers ask at once.'));
		splay.placeholder = '30';
		splay.validate = within(0, 720);
		splay.depends({ policy: 'none', '!reverse': true });

		const idle = automatic.option(form.Value, 'idle_hook', _('Only when idle'), _('A program that ends with status 0 when the router may be restarted. Empty: always.'));
		idle.datatype = 'file';
		idle.depends('policy', 'apply');

		const core = map.section(form.NamedSection, 'core', 'core', _('Deployments'));
		const retention = core.option(form.Value, 'retention', _('Deployments that are kept'), _('The newest ones; pinned ones are kept besides. Two are needed to roll back.'));
		retention.placeholder = '2';
		retention.validate = within(2, 16);

		return map.render();
	},
});
