/* A stand-in for LuCI's form classes, as far as the settings page uses them: named sections, values, lists, dependencies. */
window.standInForm = ({ dom, rpc }) => {
  const read = rpc.declare({ object: 'uci', method: 'get', params: ['config'], expect: { values: {} } });
  const write = rpc.declare({
    object: 'uci',
    method: 'set',
    params: ['config', 'section', 'values'],
    reject: true,
  });
  const commit = rpc.declare({ object: 'uci', method: 'commit', params: ['config'], reject: true });

  class Value {
    constructor(section, name, title, description) {
      Object.assign(this, { section, name, title, description, choices: [], conditions: [] });
    }
    depends(name, value) {
      this.conditions.push(typeof name === 'object' ? name : { [name]: value });
    }
    isActive() {
      return this.conditions.every(({ '!reverse': reverse, ...wanted }) => {
        const holds = Object.entries(wanted).every(([name, value]) => this.section.valueOf(name) === value);
        return reverse ? !holds : holds;
      });
    }
    formvalue() {
      return this.input.value;
    }
    value(key, label) {
      this.choices.push([key, label]);
    }
    control(value) {
      return dom.create('input', { type: 'text', id: this.id, placeholder: this.placeholder, value });
    }
    render(value) {
      this.id = `widget.cbid.${this.section.map.config}.${this.section.id}.${this.name}`;
      this.input = this.control(value ?? this.default ?? '');
      this.input.addEventListener('change', () => this.section.map.refresh());
      this.problem = dom.create('div', { class: 'cbi-value-error', role: 'alert' });
      this.node = dom.create('div', { class: 'cbi-value' }, [
        dom.create('label', { class: 'cbi-value-title', for: this.id }, [this.title]),
        dom.create('div', { class: 'cbi-value-field' }, [
          this.input,
          dom.create('div', { class: 'cbi-value-description' }, [this.description ?? '']),
          this.problem,
        ]),
      ]);
      return this.node;
    }
    check() {
      const checked = this.isActive() && this.formvalue() !== '' && this.validate;
      const verdict = checked ? this.validate(this.section.id, this.formvalue()) : true;
      this.problem.textContent = verdict === true ? '' : verdict;
      return verdict === true;
    }
  }
  class ListValue extends Value {
    control(value) {
      const options = this.choices.map(([key, label]) =>
        dom.create('option', { value: key, selected: key === value ? '' : null }, [label]),
      );
      return dom.create('select', { id: this.id }, options);
    }
  }
  class NamedSection {
    constructor(map, id, type, title) {
      Object.assign(this, { map, id, type, title, options: [] });
    }
    option(Kind, name, title, description) {
      const made = new Kind(this, name, title, description);
      this.options.push(made);
      return made;
    }
    valueOf(name) {
      return this.options.find((option) => option.name === name)?.formvalue();
    }
  }
  class FormMap {
    constructor(config, title, description) {
      Object.assign(this, { config, title, description, sections: [] });
    }
    section(Kind, id, type, title) {
      const made = new Kind(this, id, type, title);
      this.sections.push(made);
      return made;
    }
    refresh() {
      for (const option of this.sections.flatMap((section) => section.options)) {
        option.node.hidden = !option.isActive();
        option.check();
      }
    }
    async render() {
      const values = await read(this.config);
      const sections = this.sections.map((section) =>
        dom.create('div', { class: 'cbi-section' }, [
          dom.create('h3', {}, [section.title]),
          ...section.options.map((option) => option.render(values[section.id]?.[option.name])),
        ]),
      );
      const node = dom.create('div', { class: 'cbi-map' }, [
        dom.create('h2', {}, [this.title]),
        dom.create('div', { class: 'cbi-map-descr' }, [this.description]),
        ...sections,
      ]);
      node.save = () => this.save();
      this.refresh();
      return node;
    }
    async save() {
      const options = this.sections.flatMap((section) => section.options);
      if (!options.map((option) => option.check()).every(Boolean)) return;
      for (const section of this.sections) {
        const set = section.options.filter((option) => option.isActive() && option.formvalue() !== '');
        await write(
          this.config,
          section.id,
          Object.fromEntries(set.map((option) => [option.name, option.formvalue()])),
        );
      }
      await commit(this.config);
      document.body.dataset.saved = 'yes';
    }
  }
  return { Map: FormMap, NamedSection, Value, ListValue };
};
