// Package dockerfile reads a Dockerfile for the embedded builder (images/assemble): its
// stages, their dependencies, the values of its variables, and BuildKit's checks. It
// opens no image, and no file other than the Dockerfile.
//
// BuildKit's own packages parse the Dockerfile and expand words, so that the syntax is
// exactly theirs. The rules for stages, variables and paths follow
// frontend/dockerfile/dockerfile2llb.
//
// # Nouns
//
//   - A File is the parsed Dockerfile. It adds file and line to errors.
//   - A Graph is a File whose Stages are linked to the stages and images that they need.
//   - A Stage is one FROM and the instructions after it, or an image that only a COPY
//     --from names. Its base is the stage or image after FROM.
//   - An Instruction is one instruction of a Stage, with the stages that it copies from
//     or mounts. A trigger is an ONBUILD instruction of the base image.
//   - A Context is a named context (--build-context), which replaces a stage, a base,
//     or a source of COPY --from.
//   - An Env holds the variables that an instruction expands: ARG and ENV.
//   - Checks are BuildKit's build checks: warnings, or errors if the Dockerfile requests that with
//     "# check=error=true".
//   - Reads describes the context files that an image may be built from.
package dockerfile
