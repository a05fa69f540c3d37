package bundle

import "regexp"

// relation is a package's name, and perhaps a version, in the form of either format:
// "iptables", "iptables >= 1.8", "iptables (>= 1.8)". Everything else, such as
// alternatives, is spelled differently in each and left as it is.
var relation = regexp.MustCompile(`^\s*([^\s()<>=|,]+)\s*(?:\(\s*(<<|<=|<|=|>=|>>|>)\s*([^\s()]+)\s*\)|(<<|<=|<|=|>=|>>|>)\s*([^\s()]+))?\s*$`)

// relations spells each of all by spell, which gets an operator only together with a
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

// debRelation is of deb-control(5), which has << and >> for what is strictly less or
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

// rpmRelation is of rpm's spec files.
func rpmRelation(name, operator, version string) string {
	switch operator {
	case "":
		return name
	case "<<", ">>":
		operator = operator[:1]
	}
	return name + " " + operator + " " + version
}
