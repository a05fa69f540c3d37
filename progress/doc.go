// Package progress reports running work to a person or a log.
//
// A task is one piece of work. A sink receives the events of tasks. A display is the sink that
// shows them. A mode is the form in which it does.
//
// Code starts a task with a context, reports its progress, and ends it with Done:
//
//	task := progress.Start(ctx, "pull "+ref)
//	task.SetTotal(size)
//	_, err := io.Copy(w, task.Reader(r))
//	task.Done(err)
//
// The owner of the terminal creates a Display and adds it to the context:
//
//	display := progress.New(mode, os.Stderr, progress.Options{Getenv: os.Getenv})
//	defer display.Close()
//	err := work(display.Context(ctx))
//
// Without a Display, tasks are silent, so libraries can always start them. A Display has one of
// these modes:
//
//	tty    bars for tasks with a known size, spinners for others, in a few rows; one
//	       line remains of each finished task
//	plain  one line for each finished task, and an occasional one for a long-running
//	       task, so that a CI log shows where it hangs
//	github plain, in a section that GitHub Actions folds; warnings and the final error
//	       are annotations of the lines that they name
//	gitlab plain, in a section that GitLab CI folds
//	json   one object per line and event, for programs
//	none   failures and warnings only
//
// Warn, of a context or a task, shows a warning in every mode, once.
//
// The output of a task, such as a compiler's messages, is buffered and shown when the task fails,
// or immediately if the display is verbose.
//
// Table prints the results of a command in columns.
package progress
