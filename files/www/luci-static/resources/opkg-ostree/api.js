'use strict';
'require baseclass';
'require rpc';
'require ui';

/* The calls of the ubus object, and its words. Children of nodes are always lists: a string would become markup. */

/**
 * A failure that the router told: `code` is stable, `details` is what json.md says.
 * @typedef {Error & { code: string, hint: string | null, details: Record<string, any> }} Failure
 */

const signatures = {
	status: [],
	list: ['what', 'filter', 'offset', 'limit'],
	search: ['query', 'offset', 'limit'],
	info: ['name'],
	plan: ['install', 'uploads', 'remove', 'upgrade', 'packages_only', 'skip_broken'],
	diff: ['from', 'to'],
	job: ['id', 'since'],
	jobs: ['limit'],
	history: ['limit'],
	etc: [],
	update: [],
	install: ['packages', 'uploads', 'remove', 'plan_id', 'expect_serial'],
	preview: ['packages_only', 'skip_broken'],
	upgrade: ['packages_only', 'skip_broken', 'plan_id', 'expect_serial'],
	deploy: ['ref', 'expect_serial'],
	rollback: ['target', 'expect_serial'],
	pin: ['id', 'pinned', 'expect_serial'],
	cleanup: [],
	cancel: ['id'],
	etc_settle: ['path', 'decision'],
	upload: [],
	upload_take: [],
	reboot: ['expect_serial'],
};

/** @type {Record<string, (...values: any[]) => Promise<any>>} */
const declared = {};
for (const [method, params] of Object.entries(signatures))
	declared[method] = rpc.declare({ object: 'opkg-ostree', method, params, reject: true });

/** @param {{ code?: string, message?: string, hint?: string | null, details?: any }} error */
function failure(error) {
	const found = /** @type {Failure} */ (new Error(String(error.message || _('Unknown error'))));
	found.name = 'OpkgOstreeError';
	found.code = String(error.code || 'INTERNAL');
	found.hint = error.hint ? String(error.hint) : null;
	found.details = L.isObject(error.details) ? error.details : {};
	return found;
}

return baseclass.extend({
	/**
	 * Calls a method with named arguments; what it cannot do is thrown.
	 * @param {string} method
	 * @param {Record<string, any>} [args]
	 */
	call: function (method, args) {
		const given = args || {};
		const values = signatures[method].map((/** @type {string} */ name) => given[name]);
		return declared[method].apply(null, values).then((/** @type {any} */ reply) => {
			if (!L.isObject(reply)) throw failure({ message: _('The router gave no answer.') });
			// A job that failed at once is told as a job.
			if (reply.error && reply.job === undefined) throw failure(reply.error);
			return reply;
		});
	},

	/** Whether this user may change anything; the router's own rules are what counts. */
	writable: function () {
		return L.hasViewPermission() === true;
	},

	/**
	 * What went wrong, for people.
	 * @param {any} error
	 * @returns {Node[]}
	 */
	explain: function (error) {
		const lines = [E('p', {}, [this.reason(error)])];
		const blockers = error?.details && Array.isArray(error.details.blockers) ? error.details.blockers : [];
		for (const blocker of blockers.slice(0, 20))
			lines.push(E('p', {}, [
				String(blocker.text || blocker.reason || ''),
				blocker.remedy ? E('br') : '',
				blocker.remedy ? E('em', {}, [String(blocker.remedy)]) : '',
			]));
		if (error?.hint) lines.push(E('p', {}, [E('em', {}, [String(error.hint)])]));
		return lines;
	},

	/** @param {any} error */
	reason: function (error) {
		switch (error?.code) {
			case 'LOCK_HELD': return _('Another operation is at work.');
			case 'STALE_PLAN': return _('The system has changed since this page was loaded. Look at it again, then repeat what you asked for.');
			case 'UNSATISFIABLE': return _('This cannot be installed together:');
			case 'JOB_NOT_CANCELLABLE': return _('It is too late to cancel: the boot entries are being switched, or it has ended.');
			case 'NO_SPACE': return _('There is not enough space.');
			case 'NETWORK_UNREACHABLE': return _('A server cannot be reached.');
		}
		if (error?.name === 'PermissionError' || /error -32002|Access denied/.test(String(error?.message)))
			return _('This user may not do that.');
		// LuCI adds a stack behind the first line of what it raises.
		return String(error?.message || error).split('\n')[0];
	},

	/**
	 * Shows a failure on top of the page. LuCI itself tells of a session that has ended.
	 * @param {any} error
	 */
	alarm: function (error) {
		if (error && (error.name === 'SessionError' || error.name === 'AuthenticationError')) return;
		const shown = ui.addNotification(null, E('div', { role: 'alert' }, this.explain(error)), 'danger');
		if (shown?.scrollIntoView) shown.scrollIntoView({ block: 'nearest' });
	},

	/** @param {number | null | undefined} count */
	bytes: function (count) {
		if (typeof count !== 'number') return '-';
		const units = ['B', 'KiB', 'MiB', 'GiB'];
		let value = count;
		let unit = 0;
		while (value >= 1024 && unit < units.length - 1) {
			value /= 1024;
			unit += 1;
		}
		return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
	},

	/** @param {string | null | undefined} iso */
	when: function (iso) {
		const time = iso ? new Date(iso) : null;
		return time && !Number.isNaN(time.getTime()) ? time.toLocaleString() : '-';
	},

	/** @param {string} phase */
	phase: function (phase) {
		/** @type {Record<string, string>} */
		const words = {
			resolve: _('Resolving dependencies'),
			download: _('Downloading'),
			verify: _('Verifying'),
			unpack: _('Unpacking'),
			layer: _('Building the system'),
			scripts: _('Running scripts'),
			checkout: _('Writing the deployment'),
			'merge-etc': _('Merging the configuration'),
			boot: _('Switching the boot entries'),
			cleanup: _('Cleaning up'),
			done: _('Done'),
		};
		return words[phase] || String(phase || _('Waiting'));
	},

	/** @param {string} state */
	state: function (state) {
		/** @type {Record<string, string>} */
		const words = {
			queued: _('waiting'),
			running: _('running'),
			finishing: _('finishing'),
			done: _('done'),
			failed: _('failed'),
			cancelled: _('cancelled'),
			interrupted: _('interrupted'),
		};
		return words[state] || String(state);
	},

	/** @param {string} verdict */
	verdict: function (verdict) {
		/** @type {Record<string, string>} */
		const words = {
			good: _('runs well'),
			bad: _('did not start well'),
			'rolled-back': _('rolled back'),
			unknown: _('not known yet'),
		};
		return words[verdict] || String(verdict);
	},

	/** Terminal sequences and other control letters are nothing for a page. @param {any} text */
	plain: function (text) {
		return String(text === null || text === undefined ? '' : text)
			// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
			.replace(/\u001b\[[0-9;?]*[ -/]*[@-~]/g, '')
			// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
			.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '');
	},

	/** The beginning of a deployment's id. @param {string | null} id */
	short: function (id) {
		const match = /^(.*)-([0-9a-f]{64})\.(\d+)$/.exec(String(id || ''));
		return match ? `${match[2].slice(0, 10)}.${match[3]}` : String(id || '-');
	},

	/** @param {any} deployment */
	title: function (deployment) {
		return deployment.version ? String(deployment.version) : this.short(deployment.id);
	},

	/**
	 * A button; `act` may return a promise, until whose end it is disabled.
	 * @param {string} label
	 * @param {string} kind
	 * @param {(ev: Event) => any} act
	 * @param {Record<string, any>} [more]
	 */
	button: function (label, kind, act, more) {
		const attributes = Object.assign({
			type: 'button',
			class: `btn cbi-button${kind ? ` cbi-button-${kind}` : ''}`,
			click: ui.createHandlerFn(this, (/** @type {Event} */ ev) => Promise.resolve(ev).then(act).catch((error) => this.alarm(error))),
		}, more || {});
		return E('button', attributes, [label]);
	},

	/** As `button`; absent for those who may only look. @param {string} label @param {string} kind @param {(ev: Event) => any} act @param {Record<string, any>} [more] */
	action: function (label, kind, act, more) {
		return this.writable() ? this.button(label, kind, act, more) : '';
	},

	/**
	 * A row of a table, each cell with the name of its column for narrow screens.
	 * @param {string[]} names
	 * @param {any[][]} cells
	 */
	row: function (names, cells) {
		return E('tr', { class: 'tr cbi-section-table-row' }, cells.map((cell, at) =>
			E('td', { class: 'td', 'data-title': names[at] }, cell)));
	},

	/** @param {string[]} names @param {Node[]} rows @param {string} [none] */
	table: function (names, rows, none) {
		const head = E('tr', { class: 'tr table-titles' }, names.map((name) => E('th', { class: 'th', scope: 'col' }, [name])));
		const body = rows.length > 0 ? rows : [E('tr', { class: 'tr placeholder' }, [E('td', { class: 'td', colspan: names.length }, [E('em', {}, [none || _('None')])])])];
		return E('table', { class: 'table cbi-section-table' }, [head].concat(body));
	},

	/**
	 * Asks before something is done.
	 * @param {string} title
	 * @param {any[]} body
	 * @param {string} label
	 * @param {() => any} act
	 */
	confirm: function (title, body, label, act) {
		const close = E('button', { type: 'button', class: 'btn', click: ui.hideModal }, [_('Cancel')]);
		ui.showModal([title], [
			E('div', {}, body),
			E('div', { class: 'right' }, [close, ' ', this.button(label, 'negative', () => Promise.resolve(act()).catch((error) => {
				ui.hideModal();
				throw error;
			}))]),
		]);
		close.focus();
	},
});
