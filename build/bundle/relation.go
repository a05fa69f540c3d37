package bundle

import "regexp"

// relation matches a package name with an optional version, in the form of either format:
// "iptables", "iptables >= 1.8", "iptables (>= 1.8)". Everything else, such as alternatives, is
// specific to a format and left unchanged.
var relation = regexp.MustCompile(`^\s*([^\s()<>=|,]+)\s*(?:\(\s*(<<|<=|<|=|>=|>>|>)\s*([^\s()]+)\s*\)|(<<|<=|<|=|>=|>>|>)\s*([^\s()]+))?\s*$`)

// relations converts each relation with spell, which receives an operator only together with a
// version.
func relations(all []string, spell func(name, operator, version string) string) (spelled []string) {
	for _, one := range all {
		if m := relation.FindStringSubmatch(one); m != nil {
			one = spell(m[1], m[2]+m[4], m[3]+m[5])
		}
		spelled = append(spelled, one)
	}
	return spelled
}

// debRelation formats a relation for deb-control(5), in which << and >> mean strictly less or
// greater.
func debRelation(name, operator, version string) string {
	switch operator {
	case "":
		return name
	case "<", ">":
		operator += operator
	}
	return name + " (" + operator + " " + version + ")"
}

// rpmRelation formats a relation for rpm's spec files.
func rpmRelation(name, operator, version string) string {
	switch operator {
	case "":
		return name
	case "<<", ">>":
		operator = operator[:1]
	}
	return name + " " + operator + " " + version
}
