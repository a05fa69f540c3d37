// Package config reads slipway.yaml: it decodes the file, expands its variables, checks it and fills in its defaults.
//
// A Config is the file as Go values. A key is the name of a value in the file, and a path says where a value is: the keys
// and indexes that lead to it, such as images[0].variants. A Position is its line and column. A field is what the struct
// tags of Config say of a value. Load reports all problems at once, each with its position.
//
// A variable is a name that values may refer to. Release variables (VERSION, TAG, those of vars, …) have one value in the
// whole release, and Load replaces them. Platform variables (OS, ARCH, NAME, …) differ by platform, binary, image or
// list. They are allowed in fields with the tag expand, where they remain for expression.Expand;
// PlatformVariables has their values. A value is linked if its
// text becomes part of binaries or images, or if it decides what does.
//
// The struct tags of Config are the one source of decoding, docs/slipway.schema.json and docs/configuration.md:
//
//	yaml      the key
//	doc       what it means
//	example   a value, as it is written in the file
//	enum      the words that it may be (of a list: its elements)
//	keys      the keys that a mapping may have
//	pattern   a regular expression for an element, for the schema alone
//	required  the key must be given; guarded says that its value may be empty where a condition does not hold
//	expand    the sets of platform variables that it may contain; see scopes
//	linked    the value is linked
//	short     the mapping may be written as the value of this key alone
//	inherit   the name of one of the above, enum or expand, which is that of the list that the mapping is in
package config
