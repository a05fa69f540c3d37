// Package plan determines what a release consists of.
//
// A Plan is data: what is made, from which inputs, and under which names. Making a Plan runs nothing, and reads only
// the image lists. `slipway plan` prints it, and package release carries it out.
//
// A step makes one item: a binary, an image, an index, an archive, a list, a bundle or a checksum file, for one
// platform. A Ref is the tag of an image or index, with its registry and repository. An output is a file; its path is
// relative to the project's folder, with slashes. The artifacts of a release are the outputs in dist/artifacts. An own
// image is one that the release makes; others come from registries.
//
// A Filter narrows a plan to some platforms when it is made. A verb (build, package, publish) is a command, and its
// parts are the operations that it consists of. A Selection is a verb, with the parts and the operating system that a
// command line selects.
package plan
