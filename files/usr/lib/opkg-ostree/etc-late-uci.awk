# The three-way merge of a UCI file by section and option, as src/uci makes it, for the cases that leave no doubt:
#
#	awk -v package=NAME -f etc-late-uci.awk BASE OURS THEIRS
#
# prints OURS with what THEIRS has changed since BASE; none may have a NUL, which ends a line for awk. Status 0: merged; 3: merged, and where both changed one
# thing OURS counts; 1: nobody can tell, nothing is printed. Only lines that mean the same in every reading are understood.

BEGIN {
	# Of src/uci/natural-keys.ts: what tells anonymous sections of a type apart.
	split("firewall rule firewall redirect firewall nat firewall zone firewall ipset dhcp domain network device network switch", list, " ")
	for (i = 1; i in list; i += 2) keys[list[i], list[i + 1]] = "name"
	split("firewall defaults dhcp dnsmasq network globals system system dropbear dropbear uhttpd uhttpd uhttpd cert rpcd rpcd", list, " ")
	for (i = 1; i in list; i += 2) single[list[i], list[i + 1]] = 1
	keys["firewall", "forwarding"] = "src dest"; keys["firewall", "include"] = "path"
	keys["dhcp", "dnsmasq"] = "instance"; keys["dhcp", "host"] = "mac"; keys["dhcp", "dhcp"] = "interface"
	keys["dhcp", "cname"] = "cname"; keys["dhcp", "mxhost"] = "domain relay"; keys["dhcp", "srvhost"] = "srv target"
	keys["network", "route"] = keys["network", "route6"] = "interface target"
	keys["network", "rule"] = keys["network", "rule6"] = "priority"
	keys["network", "switch_vlan"] = keys["network", "bridge-vlan"] = "device vlan"
	keys["network", "switch_port"] = "device port"
	keys["wireless", "wifi-iface"] = "device ssid"; keys["system", "led"] = "sysfs"
	keys["dropbear", "dropbear"] = "Port Interface"; keys["rpcd", "login"] = "username"; keys["mosquitto", "listener"] = "port"
}

function doubt() { doubtful = 1; exit 1 }

# Takes the next word off `rest` into `word`: a bare one, or one quoted part without a backslash. 0 at the line's end.
function take(    quote) {
	sub(/^[ \t]+/, "", rest)
	if (rest == "" || rest ~ /^#[^\\]*$/) return 0
	quote = substr(rest, 1, 1)
	if (quote == "'" || quote == "\"") {
		word = substr(rest, 2)
		if (!index(word, quote)) doubt()
		word = substr(word, 1, index(word, quote) - 1)
		if (quote == "\"" && index(word, "\\")) doubt()
		rest = substr(rest, length(word) + 3)
	} else {
		if (!match(rest, /^[^ \t\r'"\\#;]+/)) doubt()
		word = substr(rest, 1, RLENGTH)
		rest = substr(rest, RLENGTH + 1)
	}
	if (rest != "" && rest !~ /^[ \t]/) doubt()
	return 1
}

# A new section `k` of side `s`, from the comment right above it on.
function open(    from) {
	if (name ~ /[^!-~]/ || name == "" || value ~ /[^A-Za-z0-9_]/) doubt()
	k = ++sections[s]
	for (from = n; from > 1 && isComment[s, from - 1];) from--
	if (from == 1) from = n
	begin[s, k] = from
	type[s, k] = name; title[s, k] = value; last[s, k] = n
	if (value == "") return
	if ((s, value) in named) doubt()
	named[s, value] = k
}

# An option, or an item of a list, of section `k`. Strings are `o` and the value, lists `l` and the items with their lengths.
function add(    list) {
	list = keyword == "list"
	if (!k || name ~ /[^A-Za-z0-9_]/ || name == "" || (value == "" && !list)) doubt()
	last[s, k] = n
	if ((s, k, name) in is) {
		if (!list || is[s, k, name] !~ /^l/) doubt()
	} else {
		option[s, k, ++options[s, k]] = name
		is[s, k, name] = list ? "l" : "o"
	}
	is[s, k, name] = is[s, k, name] (list ? length(value) ":" : "") value
	at[s, k, name] = at[s, k, name] n " "
}

FILENAME != file {
	file = FILENAME
	s = file == ARGV[1] ? 1 : file == ARGV[2] ? 2 : 3
	k = 0
}
{
	n = ++lines[s]
	text[s, n] = rest = $0
	if ($0 ~ /^[ \t]*(#.*)?$/) {
		if ($0 ~ /#/) { isComment[s, n] = 1; if (s == 1) known[trimmed($0)] = 1 }
		next
	}
	if ($0 !~ /^[ \t]*(config|option|list)[ \t]/) doubt()
	take(); keyword = word
	if (!take()) doubt()
	name = word; value = ""
	if (take()) value = word
	else if (keyword != "config") doubt()
	if (take()) doubt()
	if (keyword == "config") open(); else add()
}

function trimmed(line) { sub(/^[ \t]+/, "", line); sub(/[ \t]+$/, "", line); return line }

# What a section says, whatever its order.
function content(s, k,    i, j, order, result, moved) {
	for (i = 1; i <= options[s, k]; i++) {
		moved = option[s, k, i]
		for (j = i - 1; j > 0 && order[j] > moved; j--) order[j + 1] = order[j]
		order[j + 1] = moved
	}
	for (i = 1; i <= options[s, k]; i++) result = result length(is[s, k, order[i]]) "=" order[i] is[s, k, order[i]]
	return result
}

function key(s, k,    parts, count, i, result) {
	if (!((package, type[s, k]) in keys)) return ""
	count = split(keys[package, type[s, k]], parts, " ")
	for (i = 1; i <= count; i++) {
		if (!((s, k, parts[i]) in is)) return ""
		result = result length(is[s, k, parts[i]]) ":" is[s, k, parts[i]]
	}
	return result
}

function pair(a, i, b, j) { partner[a, i, b] = j; partner[b, j, a] = i }

# Pairs those anonymous sections of sides a and b, free of `other` partners, whose texts are equal; with `unique` only such as stand once.
function pairBy(a, b, other, unique,    i, j, code, line, counts, queue, heads) {
	for (j = 1; j <= sections[b]; j++) if (isFree(b, j, a, other) && (code = words(b, j, unique)) != "") queue[code, ++counts[b, code]] = j
	for (i = 1; i <= sections[a]; i++) if (isFree(a, i, b, other) && (code = words(a, i, unique)) != "") { counts[a, code]++; line[i] = code }
	for (i = 1; i <= sections[a]; i++) {
		if (!(i in line)) continue
		code = line[i]
		if (unique && (counts[a, code] != 1 || counts[b, code] != 1)) continue
		if (++heads[code] <= counts[b, code]) pair(a, i, b, queue[code, heads[code]])
	}
}

function words(s, k, unique,    code) {
	if (!unique) return type[s, k] SUBSEP content(s, k)
	code = key(s, k)
	return code == "" ? "" : type[s, k] SUBSEP code
}

function isFree(s, k, to, other) {
	return title[s, k] == "" && !((s, k, to) in partner) && (!other || !((s, k, other) in partner))
}

# Of what is left of a type on both sides, two alike at one place are one; sections with two keys are two; all else is doubt.
function align(a, b, other,    i, j, left, right, most, kind, n, m) {
	for (i = 1; i <= sections[a]; i++) if (isFree(a, i, b, other)) { left[type[a, i]]++; most[type[a, i]] = i }
	for (j = 1; j <= sections[b]; j++) {
		kind = type[b, j]
		if (!isFree(b, j, a, other) || !(kind in left)) continue
		right[kind]++
		if (left[kind] == 1 && alone(b, kind, a, other) == 1 && alike(a, most[kind], b, j)) { pair(a, most[kind], b, j); delete left[kind]; continue }
		for (i = 1; i <= sections[a]; i++)
			if (type[a, i] == kind && isFree(a, i, b, other) && !(key(a, i) != "" && key(b, j) != "" && key(a, i) != key(b, j))) doubt()
	}
}

# Sections that have no partner yet and might be one all the same: that got or lost a name, or stand once in a file.
function unsure(a, b, other,    i, j, named_too, one) {
	for (i = 1; i <= sections[a]; i++) {
		if ((a, i, b) in partner || (other && (a, i, other) in partner)) continue
		for (j = 1; j <= sections[b]; j++) {
			if (type[a, i] != type[b, j] || (b, j, a) in partner || (other && (b, j, other) in partner)) continue
			named_too = (title[a, i] != "") + (title[b, j] != "")
			one = (package, type[a, i]) in single
			if (named_too == 1 && (!other || one || content(a, i) == content(b, j) || (key(a, i) != "" && key(a, i) == key(b, j)))) doubt()
			if (named_too == 0 && other && one) doubt()
		}
	}
}

function alone(s, kind, to, other,    k, count) {
	for (k = 1; k <= sections[s]; k++) if (type[s, k] == kind && isFree(s, k, to, other)) count++
	return count
}

# At least half of all their values are the same, and no key tells them apart. Lists that differ count as having nothing in common.
function alike(a, i, b, j,    n, name, same) {
	if (key(a, i) != "" && key(b, j) != "" && key(a, i) != key(b, j)) return 0
	for (n = 1; n <= options[a, i]; n++) {
		name = option[a, i, n]
		if ((b, j, name) in is && is[b, j, name] == is[a, i, name]) same += items(a, i, name)
	}
	return 4 * same >= size(a, i) + size(b, j)
}

# How many values an option has: a line each.
function items(s, k, name,    numbers) { return split(at[s, k, name], numbers, " ") }

function size(s, k,    n, count) {
	for (n = 1; n <= options[s, k]; n++) count += items(s, k, option[s, k, n])
	return count + 0
}

function match_sides(a, b, other,    i, name) {
	for (i = 1; i <= sections[a]; i++) {
		name = title[a, i]
		if (name == "" || !((b, name) in named)) continue
		if (type[b, named[b, name]] != type[a, i]) doubt()
		pair(a, i, b, named[b, name])
	}
	pairBy(a, b, other, 0); pairBy(a, b, other, 1)
	align(a, b, other)
	unsure(a, b, other)
}

# Value of an option: empty where there is none.
function valueOf(s, k, name) { return k && (s, k, name) in is ? is[s, k, name] : "" }

# What theirs changed in one section is done to ours: b may be 0.
function merge_section(b, o, t,    i, name) {
	for (i = 1; i <= options[3, t]; i++) merge_option(b, o, t, option[3, t, i])
	for (i = 1; b && i <= options[1, b]; i++) if (!((3, t, option[1, b, i]) in is)) merge_option(b, o, t, option[1, b, i])
}

function merge_option(b, o, t, name,    was, mine, new, count, numbers, i, lines) {
	was = valueOf(1, b, name); mine = valueOf(2, o, name); new = valueOf(3, t, name)
	if (mine == new || new == was) return
	# A list that both changed: the merge with all its rules is not for here.
	if (mine != was) { conflict = 1; return }
	count = split(at[3, t, name], numbers, " ")
	for (i = 1; i <= count; i++) lines = lines text[3, numbers[i]] "\n"
	if (mine == "") { behind[last[2, o]] = behind[last[2, o]] lines; return }
	count = split(at[2, o, name], numbers, " ")
	for (i = 1; i <= count; i++) gone[numbers[i]] = 1
	behind[numbers[1]] = lines behind[numbers[1]]
}

# The lines of a section of theirs, from its comment on.
function spelt(t,    i, end, result) {
	end = t < sections[3] ? begin[3, t + 1] - 1 : lines[3]
	while (end > begin[3, t] && trimmed(text[3, end]) == "") end--
	for (i = begin[3, t]; i <= end; i++) result = result text[3, i] "\n"
	return result
}

function same_section(a, i, b, j) { return type[a, i] == type[b, j] && content(a, i) == content(b, j) }

# Where sections of theirs come, and which of ours go.
function merge_sections(    t, o, b, place, highest) {
	for (t = 1; t <= sections[3]; t++) {
		b = partner[3, t, 1] + 0; o = partner[3, t, 2] + 0
		# Theirs moved sections.
		if (b && b < highest) doubt()
		if (b) { highest = b; if (!o) o = partner[1, b, 2] + 0 }
		if (o) { merge_section(b, o, t); taken[o] = 1; place = o }
		else if (!b) followers[place + 0] = followers[place + 0] t " "
		else if (!same_section(1, b, 3, t)) conflict = 1
	}
	for (o = 1; o <= sections[2]; o++) {
		b = partner[2, o, 1] + 0
		if (taken[o] || !b) continue
		if (same_section(1, b, 2, o)) dropped[o] = 1; else conflict = 1
	}
}

function out(line) { result = result line "\n"; final = line }

function out_added(list,    numbers, count, i) {
	count = split(list, numbers, " ")
	for (i = 1; i <= count; i++) {
		if (result != "" && trimmed(final) != "") out("")
		result = result spelt(numbers[i])
		out("")
	}
}

function out_section(o,    i, end, kept) {
	end = o < sections[2] ? begin[2, o + 1] - 1 : lines[2]
	for (i = o ? begin[2, o] : 1; i <= end; i++) {
		if (dropped[o]) { if (isComment[2, i] && !(trimmed(text[2, i]) in known)) { out(text[2, i]); kept = 1 } }
		else {
			if (!gone[i]) out(text[2, i])
			if (i in behind) { result = result behind[i]; final = "-" }
		}
	}
	if (kept) out("")
}

END {
	if (doubtful) exit 1
	match_sides(1, 2, 0); match_sides(1, 3, 0)
	# What both added.
	for (s in named) { split(s, place, SUBSEP); if (place[1] == 2 && !((2, named[s], 1) in partner) && (3, place[2]) in named) added[place[2]] = 1 }
	for (s in added) { if (type[2, named[2, s]] != type[3, named[3, s]]) exit 1; pair(2, named[2, s], 3, named[3, s]) }
	pairBy(2, 3, 1, 0); pairBy(2, 3, 1, 1)
	unsure(2, 3, 1)
	merge_sections()
	if (doubtful) exit 1
	for (s = 0; s <= sections[2]; s++) { out_section(s); out_added(followers[s]) }
	printf "%s", result
	exit conflict ? 3 : 0
}
