'use strict';
'require baseclass';
'require poll';
'require ui';
'require opkg-ostree.api as api';

/* Restarts the router, waits until it is back, and then tells which deployment came up. */

const key = 'opkg-ostree.restart';
/** Milliseconds: before the first question whether it is back, between two, and until nobody waits any longer. */
const firstPause = 5000;
const pause = 2000;
const patience = 10 * 60 * 1000;

/** @param {any} note */
function remember(note) {
	try {
		if (note) window.sessionStorage.setItem(key, JSON.stringify(note));
		else window.sessionStorage.removeItem(key);
	} catch (_error) {
		// Nothing is told afterwards, then; the restart itself needs no memory.
	}
}

function recall() {
	try {
		const note = JSON.parse(window.sessionStorage.getItem(key) || 'null');
		return L.isObject(note) && typeof note.at === 'number' ? note : null;
	} catch (_error) {
		return null;
	}
}

/** Asks until another start of the machine answers; the page is loaded anew then, through the login if need be. @param {any} boot */
function wait(boot) {
	poll.stop();
	ui.showModal([_('Restarting…')], [
		E('p', { class: 'spinning', role: 'status', 'aria-live': 'polite' }, [_('The router is restarting. This page comes back by itself.')]),
		E('p', {}, [_('If the new deployment does not start, the router goes back to the old one on its own; that takes some minutes more.')]),
	]);
	const later = () => window.setTimeout(ask, Number(L.env.opkg_ostree_pause || pause));
	const ask = () => api.call('status').then(
		(/** @type {any} */ status) => status['boot-id'] === boot ? later() : window.location.reload(),
		// Sessions end with the machine: whoever denies this one has started since. Anything else is silence.
		(/** @type {any} */ error) => error && error.name === 'SessionError' ? window.location.reload() : later(),
	);
	window.setTimeout(ask, Number(L.env.opkg_ostree_pause || firstPause));
}

return baseclass.extend({
	/** @param {any} status */
	ask: function (status) {
		const next = status.deployments.find((/** @type {any} */ one) => one.id === status.next);
		if (!next) return;
		api.confirm(_('Restart the router?'), [
			E('p', {}, [_('It will start this deployment:')]),
			E('p', {}, [E('strong', {}, [api.title(next)]), ' ', E('code', {}, [api.short(next.id)])]),
			E('p', {}, [_('Connections through the router are interrupted meanwhile.')]),
		], _('Restart'), () => api.call('reboot', { expect_serial: status.serial }).then((/** @type {any} */ reply) => {
			remember({ next: reply.next, boot: status['boot-id'], at: Date.now() });
			wait(status['boot-id']);
		}));
	},

	/**
	 * What came of a restart that was asked for from this tab, as a node; null where there was none.
	 * @param {any} status
	 */
	outcome: function (status) {
		const note = recall();
		if (!note) return null;
		if (note.boot === status['boot-id']) {
			if (Date.now() - note.at < patience) {
				wait(note.boot);
				return null;
			}
			remember(null);
			return E('div', { class: 'alert-message warning', role: 'status' }, [_('The router has not restarted.')]);
		}
		remember(null);
		const came = status.deployments.find((/** @type {any} */ one) => one.id === status.booted);
		const name = came ? api.title(came) : api.short(status.booted);
		if (status.booted === note.next)
			return E('div', { class: 'alert-message success', role: 'status' }, [_('The router is back, on the deployment that was asked for:'), ' ', E('strong', {}, [name]), ' ', E('code', {}, [api.short(status.booted)])]);
		return E('div', { class: 'alert-message danger', role: 'alert' }, [_('The router came back on another deployment than the one that was asked for:'), ' ', E('strong', {}, [name]), ' ', E('code', {}, [api.short(status.booted)]), '. ', _('The history tells why.')]);
	},
});
