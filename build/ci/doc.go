// Package ci reports the results of a command, and its problems, to the CI service that runs the job.
//
// An output is a value for later steps or jobs, such as the version or the digest of an index. A summary is a page of
// Markdown about the job. A finding is a warning or an error at a line of a file; the service shows it beside that
// line.
//
// GitHub Actions provides the names of the files for outputs and summaries in its environment. GitLab CI reads outputs
// from a dotenv report and findings from a Code Quality report; the user chooses their file names.
package ci
