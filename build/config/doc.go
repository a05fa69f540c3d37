// Package config reads slipway.yaml: it decodes the file, expands its variables, checks it and fills in its defaults.
//
// A Config has the values of the file as Go values. A key is the name of a value in the file, and a path is the
// sequence of keys and indexes of a value, such as images[0].variants. A Position is its line and column. A field
// contains the settings from the struct tags of a value. Load reports all problems at once, each with its position.
//
// A variable is a name to which values may refer. Release variables (VERSION, TAG, those of vars, …) have one value in
// the whole release, and Load replaces them. Platform variables (OS, ARCH, NAME, …) depend on the platform, binary,
// image or list. They are allowed in fields with the tag expand, where they remain for expression.Expand;
// PlatformVariables returns their values. A value is linked if its text becomes part of binaries or images, or if it
// determines such a text.
//
// The struct tags of Config are the only source of decoding, docs/slipway.schema.json and docs/configuration.md:
//
//	yaml      the key
//	doc       its meaning
//	example   a value, as it is written in the file
//	enum      the allowed words (of a list: for its elements)
//	keys      the allowed keys of a mapping
//	pattern   a regular expression for an element, only for the schema
//	required  the key must be given; guarded means that its value may be empty where a condition is false
//	expand    the sets of platform variables that it may contain; see scopes
//	linked    the value is linked
//	short     the mapping may be written as only the value of this key
//	inherit   enum or expand: the tag has the same value as that of the list that the mapping is in
package config
