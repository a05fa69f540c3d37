// Package fleet shares builds among several BuildKits.
//
// A fleet is all engines of a run. A build is one Dockerfile for one platform; it goes to the engine with the fewest
// builds. An engine is lost if it cannot be reached, breaks the connection, or does not answer. Its build is then moved:
// it begins again with another engine. The image is the same, because nothing in it depends on the engine; see package
// engine.
package fleet
