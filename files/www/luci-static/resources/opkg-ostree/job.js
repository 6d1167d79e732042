'use strict';
'require baseclass';
'require poll';
'require ui';
'require opkg-ostree.api as api';

/* Follows a job: in a window that can be closed, in the top bar after that, and again after the page is loaded anew. */

const key = 'opkg-ostree.job';
const indicator = 'opkg-ostree-job';
const ended = ['done', 'failed', 'cancelled', 'interrupted'];
/** Lines of the log on the page. */
const maxLines = 200;

/** @type {{ id: string, job: any, lines: string[], next: number, skipped: number, failed: boolean, leads: boolean, then: (job: any) => any } | null} */
let followed = null;
/** @type {any} */
let shown = null;

/** @param {string | null} id */
function remember(id) {
	try {
		if (id) window.sessionStorage.setItem(key, id);
		else window.sessionStorage.removeItem(key);
	} catch (_error) {
		// The job can be found all the same while it runs.
	}
}

/** @param {any} event */
function line(event) {
	const words = [api.phase(event.phase)];
	if (event.package) words.push(api.plain(event.package));
	if (event.total && event.unit === 'bytes') words.push(`${api.bytes(event.done || 0)} / ${api.bytes(event.total)}`);
	else if (event.total) words.push(`${Number(event.done || 0)} / ${Number(event.total)}`);
	if (event.message) words.push(api.plain(event.message));
	return words.join(' - ');
}

function look() {
	const now = followed;
	if (!now) return Promise.resolve();
	return api.call('job', { id: now.id, since: now.next }).then((/** @type {any} */ reply) => {
		if (followed !== now) return;
		now.failed = false;
		now.job = reply.job;
		now.next = reply.next;
		now.skipped += reply.skipped;
		now.lines = now.lines.concat(reply.log.map(line)).slice(-maxLines);
		draw();
		if (ended.includes(now.job.state)) finish(now);
	}).catch((/** @type {any} */ error) => {
		if (error && error.code === 'JOB_UNKNOWN') {
			stop();
			ui.hideModal();
			api.alarm(error);
			return;
		}
		// The page lost sight of the job; the job goes on.
		now.failed = true;
		draw();
	});
}

function stop() {
	poll.remove(look);
	ui.hideIndicator(indicator);
	remember(null);
	followed = null;
	shown = null;
}

/** @param {any} now */
function finish(now) {
	const wasShown = shown;
	const then = now.then;
	const job = now.job;
	stop();
	if (wasShown && now.leads && job.state === 'done') {
		ui.hideModal();
		then(job);
	} else if (wasShown) {
		wasShown.buttons.replaceChildren(E('button', {
			type: 'button',
			class: 'btn cbi-button',
			click: () => {
				ui.hideModal();
				then(job);
			},
		}, [_('Close')]));
		wasShown.buttons.firstChild.focus();
	} else {
		ui.addNotification(null, E('div', { role: 'status' }, outcome(job)), job.state === 'done' ? 'info' : 'danger');
		then(job);
	}
}

/** @param {any} job @returns {Node[]} */
function outcome(job) {
	const command = E('code', {}, [api.plain(job.command)]);
	switch (job.state) {
		case 'done': return [E('p', {}, [command, ' ', _('is done.')])];
		case 'cancelled': return [E('p', {}, [command, ' ', _('was cancelled. Nothing has changed.')])];
		case 'interrupted': return [E('p', {}, [command, ' ', _('was interrupted. The system is as before, or as asked for; never in between.')])];
		default: return [E('p', {}, [command, ' ', _('failed.')])].concat(api.explain(job.error || {}));
	}
}

function draw() {
	const now = followed;
	if (!now?.job) return;
	const { job } = now;
	const percent = typeof job.percent === 'number' ? Math.max(0, Math.min(100, job.percent)) : null;
	ui.showIndicator(indicator, '%s %s'.format(_('Packages:'), percent === null ? api.phase(job.phase) : `${percent}%`), () => open());
	if (!shown?.root.isConnected) {
		shown = null;
		return;
	}
	const command = api.plain(job.command);
	if (shown.title.textContent !== command) shown.title.textContent = command;
	const over = ended.includes(job.state);
	const text = over ? api.state(job.state) : api.phase(job.phase);
	if (shown.phase.textContent !== text) shown.phase.textContent = text;
	shown.bar.setAttribute('title', percent === null ? text : `${percent}%`);
	shown.bar.setAttribute('aria-valuenow', String(percent || 0));
	shown.fill.style.width = `${percent || 0}%`;
	const follows = shown.log.scrollTop + shown.log.clientHeight >= shown.log.scrollHeight - 8;
	shown.log.textContent = (now.skipped > 0 ? [_('(earlier lines are left out)')] : []).concat(now.lines).join('\n');
	if (follows) shown.log.scrollTop = shown.log.scrollHeight;
	shown.notice.replaceChildren(...notices(now));
	if (over) shown.result.replaceChildren(...outcome(job));
	const cancellable = job.state === 'queued' || job.state === 'running';
	if (shown.cancel) shown.cancel.disabled = !cancellable;
}

/** @param {any} now */
function notices(now) {
	const words = [];
	if (now.failed) words.push(_('The router does not answer. The work goes on; this page keeps asking.'));
	if (!poll.active()) words.push(_('Refreshing is paused in the top bar; the work goes on.'));
	return words.map((text) => E('div', { class: 'alert-message warning' }, [text]));
}

/** Shows the window of the followed job. */
function open() {
	const now = followed;
	if (!now) return;
	const phase = E('p', { 'aria-live': 'polite', role: 'status', class: 'opkg-ostree-phase' }, [_('Waiting')]);
	const fill = E('div', { style: 'width:0%' }, []);
	const bar = E('div', { class: 'cbi-progressbar', role: 'progressbar', 'aria-valuemin': '0', 'aria-valuemax': '100', 'aria-label': _('Progress') }, [fill]);
	const log = E('pre', { style: 'max-height:12em;overflow:auto;white-space:pre-wrap;overflow-wrap:anywhere', tabindex: '0', 'aria-label': _('Log') }, []);
	const notice = E('div', {}, []);
	const result = E('div', { 'aria-live': 'assertive' }, []);
	const close = E('button', { type: 'button', class: 'btn cbi-button', click: () => {
		shown = null;
		ui.hideModal();
	} }, [_('Continue in the background')]);
	const cancel = api.action(_('Cancel'), 'negative', () => api.call('cancel', { id: now.id }));
	const buttons = E('div', { class: 'right', style: 'display:flex;flex-wrap:wrap;gap:.5em;justify-content:flex-end' }, cancel ? [close, cancel] : [close]);
	const root = E('div', { class: 'opkg-ostree-job' }, [phase, bar, notice, result, log, buttons]);
	const title = E('span', {}, [_('Working')]);
	shown = { root, title, phase, bar, fill, log, notice, result, buttons, cancel };
	ui.showModal([title], [root]);
	close.focus();
	draw();
}

return baseclass.extend({
	/**
	 * Follows a job to its end, in a window; `then` is called when it has ended and was seen.
	 * @param {string} id
	 * @param {(job: any) => any} then
	 * @param {boolean} [quiet] only in the top bar
	 * @param {boolean} [leads] what comes next is shown at once
	 */
	follow: function (id, then, quiet, leads) {
		followed = { id, job: null, lines: [], next: 0, skipped: 0, failed: false, leads: leads === true, then };
		remember(id);
		if (!quiet) open();
		poll.add(look, 1);
		return look();
	},

	/**
	 * Finds the job that this tab was following, or the one that somebody else has started.
	 * @param {any} status
	 * @param {(job: any) => any} then
	 */
	resume: function (status, then) {
		if (followed) return;
		let own = null;
		try {
			own = window.sessionStorage.getItem(key);
		} catch (_error) {
			own = null;
		}
		if (own && /^[0-9a-f]{12}$/.test(own)) this.follow(own, then);
		else if (status.job) this.follow(status.job.id, then, true);
	},

	/**
	 * Starts work and follows it.
	 * @param {string} method
	 * @param {Record<string, any>} args
	 * @param {(job: any) => any} then
	 * @param {boolean} [leads] what comes next is shown at once
	 */
	start: function (method, args, then, leads) {
		return api.call(method, args).then((/** @type {any} */ reply) => {
			this.follow(reply.job, then, false, leads);
			return reply;
		});
	},

	open: open,
});
