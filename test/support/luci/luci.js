/*
 * A stand-in for LuCI's loader and the classes of it that the views use, written from their documented behaviour:
 * classes are fetched as text and evaluated with what they require, a child that is a string becomes markup (only those in
 * lists become text), calls of one tick go out as one batch, and polls never pile up.
 */
(() => {
  const env = {};
  const classes = {};

  /** LuCI's printf: %s, %d, %h (escaped). */
  Object.defineProperty(String.prototype, 'format', {
    value(...values) {
      return this.replace(/%(%|s|d|h)/g, (_match, kind) => {
        if (kind === '%') return '%';
        const value = values.shift();
        if (kind === 'd') return String(Math.floor(Number(value)));
        return kind === 'h' ? escapeMarkup(value) : String(value);
      });
    },
  });
  const escapeMarkup = (value) => String(value).replace(/[&<>"']/g, (letter) => `&#${letter.charCodeAt(0)};`);

  const translations = {};
  window._ = (text) => translations[text] ?? text;
  window.N_ = (count, one, many) => (count === 1 ? one : many);

  class Base {
    static extend(properties) {
      class Made extends this {}
      Object.assign(Made.prototype, properties);
      return Made;
    }
    constructor(...values) {
      if (typeof this.__init__ === 'function') this.__init__(...values);
    }
  }

  const dom = {
    append(node, children) {
      if (Array.isArray(children)) {
        for (const child of children) {
          if (Array.isArray(child)) dom.append(node, child);
          else if (child instanceof Node) node.appendChild(child);
          else if (child !== null && child !== undefined)
            node.appendChild(document.createTextNode(String(child)));
        }
      } else if (children instanceof Node) node.appendChild(children);
      else if (children !== null && children !== undefined) node.innerHTML = String(children);
    },
    content(node, children) {
      node.replaceChildren();
      dom.append(node, children);
    },
    create(tag, attributes, children) {
      const node = document.createElement(tag);
      const isAttributes =
        typeof attributes === 'object' && !Array.isArray(attributes) && !(attributes instanceof Node);
      for (const [name, value] of Object.entries((isAttributes && attributes) || {})) {
        if (value === null || value === undefined) continue;
        if (typeof value === 'function') node.addEventListener(name, value);
        else node.setAttribute(name, typeof value === 'object' ? JSON.stringify(value) : value);
      }
      dom.append(node, isAttributes ? children : attributes);
      return node;
    },
  };
  window.E = dom.create;

  const Poll = {
    queue: [],
    timer: null,
    tick: 0,
    add(fn, interval = 5) {
      if (Poll.queue.some((entry) => entry.fn === fn)) return false;
      Poll.queue.push({ fn, interval, pending: false });
      if (Poll.timer === null && !Poll.stopped) Poll.start();
      return true;
    },
    remove(fn) {
      const before = Poll.queue.length;
      Poll.queue = Poll.queue.filter((entry) => entry.fn !== fn);
      return Poll.queue.length < before;
    },
    step() {
      for (const entry of Poll.queue) {
        if (Poll.tick % entry.interval !== 0 || entry.pending) continue;
        entry.pending = true;
        Promise.resolve(entry.fn())
          .catch(() => undefined)
          .finally(() => {
            entry.pending = false;
          });
      }
      Poll.tick += 1;
    },
    start() {
      Poll.stopped = false;
      if (Poll.timer !== null) return false;
      Poll.tick = 0;
      Poll.timer = window.setInterval(Poll.step, 1000);
      Poll.step();
      return true;
    },
    stop() {
      Poll.stopped = true;
      window.clearInterval(Poll.timer);
      Poll.timer = null;
      return true;
    },
    active: () => Poll.timer !== null,
  };

  let batch = null;
  let requests = 0;
  /** Calls made in one tick travel as one array. */
  const post = (message) => {
    if (batch === null) {
      const own = [];
      batch = own;
      window.setTimeout(() => {
        batch = null;
        const calls = own.map((entry) => entry.message);
        fetch('/ubus/', { method: 'POST', body: JSON.stringify(calls) })
          .then((answer) => answer.json())
          .then((replies) => {
            for (const entry of own) entry.resolve(replies.find((reply) => reply.id === entry.message.id));
          })
          .catch((error) => {
            for (const entry of own) entry.reject(error);
          });
      }, 0);
    }
    return new Promise((resolve, reject) => batch.push({ message, resolve, reject }));
  };
  const raise = (name, text) => {
    const error = new Error(`${text}\n  at stand-in`);
    error.name = name;
    throw error;
  };
  const rpc = {
    declare({ object, method, params = [], expect, reject, filter }) {
      return (...values) => {
        const args = {};
        for (const [at, name] of params.entries()) args[name] = values[at];
        requests += 1;
        const message = {
          jsonrpc: '2.0',
          id: requests,
          method: 'call',
          params: [env.sessionid, object, method, args],
        };
        return post(message)
          .then((reply) => rpc.intercept(reply, object, method))
          .then((reply) => {
            if (reply.error)
              raise('RPCError', `RPC call to ${object}/${method} failed with error ${reply.error.code}`);
            if (reject && reply.result[0] !== 0)
              raise('RPCError', `RPC call to ${object}/${method} failed with ubus code ${reply.result[0]}`);
            let value = reply.result.length > 1 ? reply.result[1] : reply.result[0];
            for (const key of Object.keys(expect ?? {})) {
              if (key !== '' && value !== null && value !== undefined) value = value[key];
              const type = Object.prototype.toString;
              if (type.call(value) !== type.call(expect[key])) value = expect[key];
              break;
            }
            return filter ? filter(value) : value;
          });
      };
    },
    /** Access denied may mean that the session is over. */
    intercept(reply, object, method) {
      if (reply.error?.code !== -32002 || (object === 'session' && method === 'access')) return reply;
      return rpc
        .declare({
          object: 'session',
          method: 'access',
          params: ['scope', 'object', 'function'],
          expect: { access: true },
        })('uci', 'luci', 'read')
        .catch(() => LuCI.prototype.notifySessionExpiry())
        .then(() => reply);
    },
  };

  const ui = {
    showModal(title, children, ...names) {
      const box = document.querySelector('#modal_overlay > div');
      box.className = ['modal', ...names].join(' ');
      dom.content(box, dom.create('h4', {}, title));
      dom.append(box, children);
      document.body.classList.add('modal-overlay-active');
      return box;
    },
    hideModal() {
      document.body.classList.remove('modal-overlay-active');
      document.querySelector('#modal_overlay > div').replaceChildren();
    },
    addNotification(title, children, ...names) {
      const body = dom.create('div', {});
      const button = dom.create('button', { class: 'btn', click: () => message.remove() }, ['Dismiss']);
      const message = dom.create('div', { class: ['alert-message', ...names].join(' ') }, [body, button]);
      if (title !== null && title !== undefined) dom.append(body, dom.create('h4', {}, title));
      dom.append(body, children);
      const content = document.querySelector('#maincontent');
      content.insertBefore(message, content.firstElementChild);
      return message;
    },
    showIndicator(id, label, handler) {
      const bar = document.querySelector('#indicators');
      let found = bar.querySelector(`[data-indicator="${id}"]`);
      if (!found)
        found = bar.appendChild(dom.create('span', { 'data-indicator': id, click: handler ?? null }, ['']));
      found.firstChild.data = label;
      return true;
    },
    hideIndicator(id) {
      document.querySelector(`#indicators [data-indicator="${id}"]`)?.remove();
    },
    createHandlerFn(context, fn, ...bound) {
      const run = typeof fn === 'string' ? context[fn] : fn;
      return (event) => {
        const button = event.currentTarget;
        button.classList.add('spinning');
        button.disabled = true;
        button.blur();
        Promise.resolve(run.call(context, ...bound, event)).finally(() => {
          button.classList.remove('spinning');
          button.disabled = false;
        });
      };
    },
    uploadFile(path) {
      return new Promise((resolve, reject) => {
        const send = async () => {
          const form = new FormData();
          form.append('sessionid', env.sessionid);
          form.append('filename', path);
          form.append('filedata', input.files[0]);
          const reply = await (await fetch('/cgi-bin/cgi-upload', { method: 'POST', body: form })).json();
          ui.hideModal();
          if (reply.failure) reject(new Error(reply.message));
          else resolve(reply);
        };
        const input = dom.create('input', { type: 'file', id: 'upload' });
        const give = dom.create('button', { class: 'btn', click: () => void send() }, ['Upload']);
        const cancel = () => {
          ui.hideModal();
          reject(new Error('Upload has been cancelled'));
        };
        ui.showModal('Uploading file…', [
          input,
          give,
          dom.create('button', { class: 'btn', click: cancel }, ['Cancel']),
        ]);
      });
    },
    pingDevice(protocol, host) {
      return new Promise((resolve, reject) => {
        const picture = document.createElement('img');
        const limit = window.setTimeout(reject, 1000);
        picture.onload = (event) => {
          window.clearTimeout(limit);
          resolve(event);
        };
        picture.onerror = () => {
          window.clearTimeout(limit);
          reject(new Error('no answer'));
        };
        picture.src = `${protocol}://${host}/luci-static/resources/icons/loading.gif?${Math.random()}`;
      });
    },
    instantiateView(path) {
      return LuCI.prototype
        .require(`view.${path.replace(/\//g, '.')}`)
        .catch((error) => LuCI.prototype.error(error));
    },
  };

  const View = Base.extend({
    __init__() {
      const place = document.getElementById('view');
      Promise.resolve(this.load())
        .then((value) => this.render(value))
        .then((nodes) => dom.content(place, nodes))
        .then(() => dom.append(place, this.addFooter()))
        .catch((error) => LuCI.prototype.error(error));
    },
    load() {},
    addFooter() {
      if (this.handleSave === null) return [];
      const save = () => Promise.all([...document.querySelectorAll('.cbi-map')].map((map) => map.save()));
      return [
        dom.create('div', { class: 'cbi-page-actions' }, [
          dom.create('button', { class: 'btn cbi-button cbi-button-save', click: () => void save() }, [
            'Save & Apply',
          ]),
        ]),
      ];
    },
    handleSave() {},
  });

  class LuCI {
    constructor(settings) {
      Object.assign(env, settings);
      document.addEventListener('DOMContentLoaded', () => {
        Poll.start();
      });
    }
  }
  Object.assign(LuCI.prototype, {
    env,
    dom,
    Poll,
    isObject: (value) => value !== null && typeof value === 'object',
    hasViewPermission: () => (env.nodespec?.satisfied ? !env.nodespec.readonly : null),
    resolveDefault: (promise, otherwise) => Promise.resolve(promise).catch(() => otherwise),
    error(error) {
      ui.addNotification(error.name, dom.create('pre', {}, [String(error.message)]), 'danger');
      throw error;
    },
    notifySessionExpiry() {
      Poll.stop();
      ui.showModal('Session expired', [
        dom.create('div', { class: 'alert-message warning' }, ['A new login is required.']),
        dom.create('button', { class: 'btn primary', click: () => window.location.reload() }, ['To login…']),
      ]);
      raise('SessionError', 'Login session is expired');
    },
    async require(name) {
      if (classes[name]) return classes[name];
      const url = `/luci-static/resources/${name.replace(/\./g, '/')}.js`;
      const answer = await fetch(url);
      if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
      const source = await answer.text();
      const names = [];
      const needed = [];
      for (const [, text] of source.matchAll(/^'([^']*)';$/gm)) {
        const found = /^require[ \t]+(\S+)(?:[ \t]+as[ \t]+([a-zA-Z_]\S*))?$/.exec(text);
        if (!found) continue;
        names.push(found[2] ?? found[1].replace(/[^a-zA-Z0-9_]/g, '_'));
        needed.push(await LuCI.prototype.require(found[1]));
      }
      const factory = new Function(
        'window',
        'document',
        'L',
        ...names,
        `${source}\n//# sourceURL=${window.location.origin}${url}`,
      );
      const Made = factory(window, document, LuCI.prototype, ...needed);
      if (!(Made?.prototype instanceof Base)) throw new TypeError(`${name} is no class`);
      classes[name] = new Made();
      return classes[name];
    },
  });
  Object.assign(classes, { baseclass: Base, view: View, rpc, ui, dom, poll: Poll });
  classes.form = window.standInForm({ dom, rpc });
  window.LuCI = LuCI;
})();
