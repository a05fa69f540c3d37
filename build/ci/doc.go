// Package ci tells the service that runs a job what a command made and what it found wrong.
//
// An output is a value that later steps or jobs read, such as the version or the digest of an index. A
// summary is a page of Markdown about the job. A finding is a warning or an error at a line of a file,
// which the service shows beside that line.
//
// GitHub Actions names the files for outputs and summaries in its environment. GitLab CI reads outputs
// from a dotenv report and findings from a Code Quality report, whose file names the user chooses.
package ci
