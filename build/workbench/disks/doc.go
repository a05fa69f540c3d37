// Package disks adds up what will be written to file systems, and compares it with their free space.
package disks
