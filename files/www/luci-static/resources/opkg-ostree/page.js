'use strict';
'require baseclass';
'require poll';
'require ui';
'require opkg-ostree.api as api';
'require opkg-ostree.job as job';
'require opkg-ostree.restart as restart';

/* What the pages have in common: what is pending on top, and a content that is drawn again when something has changed. */

/** @param {any} status @param {() => any} again */
function pendingBar(status, again) {
	if (!status['reboot-required']) return '';
	const next = status.deployments.find((/** @type {any} */ one) => one.id === status.next);
	const buttons = [
		api.action(_('Restart now'), 'apply', () => restart.ask(status)),
		' ',
		api.action(_('Discard'), 'reset', () => api.confirm(_('Discard the change?'), [
			E('p', {}, [_('The router keeps starting the deployment that runs now. The new one stays in the list until it is cleaned up.')]),
		], _('Discard'), () => job.start('rollback', { target: status.booted, expect_serial: status.serial }, again))),
	];
	return E('div', { class: 'alert-message warning opkg-ostree-pending', role: 'status' }, [
		E('p', {}, [E('strong', {}, [_('Changes take effect after a restart.')]), ' ', next ? _('Next: %s').format(api.title(next)) : '']),
		E('div', {}, buttons),
	]);
}

/** @param {any} status */
function notices(status) {
	const found = [];
	const booted = status.deployments.find((/** @type {any} */ one) => one.booted);
	if (booted && booted.health && booted.health.state === 'trying')
		found.push(E('div', { class: 'alert-message notice' }, [_('The running deployment is on trial. If its checks fail, the router goes back by itself.')]));
	if (booted && booted['etc-conflicts'] > 0)
		found.push(E('div', { class: 'alert-message notice' }, [N_(booted['etc-conflicts'], '%d file of /etc waits for a decision', '%d files of /etc wait for a decision').format(booted['etc-conflicts']), ': ', _('see History & log.')]));
	if (!api.writable())
		found.push(E('div', { class: 'alert-message info' }, [_('You may look, but not change anything.')]));
	return found;
}

return baseclass.extend({
	/**
	 * Draws a page: `content` makes its nodes from the status, and is asked again whenever the system has changed.
	 * @param {string} title
	 * @param {string} about
	 * @param {any} status
	 * @param {(status: any, again: () => Promise<any>) => Node[] | Promise<Node[]>} content
	 */
	draw: function (title, about, status, content) {
		const top = E('div', { 'aria-live': 'polite' }, []);
		const body = E('div', {}, []);
		let serial = '';
		/** @param {any} found */
		const show = (found) => {
			serial = `${found.serial} ${found.booted}`;
			top.replaceChildren(...[pendingBar(found, again)].concat(notices(found)).filter((node) => node !== ''));
			return Promise.resolve(content(found, again)).then((nodes) => {
				body.replaceChildren(...nodes);
				if (!found.job) return;
				job.resume(found, again);
			});
		};
		const again = () => api.call('status').then(show).catch((error) => api.alarm(error));
		// Somebody else may change the system: another tab, a shell, the nightly run.
		const watch = () => api.call('status').then((/** @type {any} */ found) => {
			if (!body.isConnected) return poll.remove(watch);
			if (found.job) job.resume(found, again);
			return `${found.serial} ${found.booted}` === serial ? null : show(found);
		}).catch(() => null);
		const outcome = restart.outcome(status);
		return show(status).then(() => {
			job.resume(status, again);
			poll.add(watch, 5);
			return E('div', { class: 'cbi-map opkg-ostree' }, [
				E('h2', { name: 'content' }, [title]),
				E('div', { class: 'cbi-map-descr' }, [about]),
				outcome || '',
				top,
				body,
			]);
		});
	},
});
