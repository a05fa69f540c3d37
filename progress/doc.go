// Package progress says what is being done, for a person or a log to watch.
//
// Work announces itself as a task, with Start and a context, says how far it is,
// and ends with Done:
//
//	task := progress.Start(ctx, "pull "+ref)
//	task.SetTotal(size)
//	_, err := io.Copy(w, task.Reader(r))
//	task.Done(err)
//
// Whoever owns the terminal makes a Display and puts it into the context:
//
//	display := progress.New(mode, os.Stderr, progress.Options{Getenv: os.Getenv})
//	defer display.Close()
//	err := work(display.Context(ctx))
//
// Without a Display, tasks are silent, so that libraries need not ask. A Display
// takes one of four modes:
//
//	tty    bars for tasks that know their size, spinners for others, a few rows
//	       at most; one line stays of each task that ended
//	plain  one line for each task that ended, and one now and then for a task
//	       that takes long, so that a log of CI shows where it hangs
//	json   one object per line and event, for programs
//	none   failures and warnings only
//
// Warn, of a context or a task, shows a warning in each of the modes, once.
//
// What the work printed, such as a compiler's messages, is kept and shown when
// the task fails, or as it comes if the display is verbose.
//
// Table prints what a command made, or will make, in columns.
package progress
