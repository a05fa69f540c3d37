// Package admit decides whether a node may pull an image, by a policy and the proof of archives. It reads the content
// statement of an archive and a few small documents, and no layer: containerd asks for each pull, and waits.
package admit
