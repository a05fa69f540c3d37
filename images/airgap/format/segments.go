package format

// A Segment is a part of a zstd frame of layers that is encoded on its own, after the window before it.
type Segment struct {
	// File is the index of a file of the frame. The segment is the file, with header and padding, or a part of it. Of a
	// frame that is a single segment, it is 0.
	File int
	// From is the offset in the content of the frame, in bytes.
	From, Size int64
}

// segmentSize is the least size of the segments of a layer that has several, in bytes. A segment costs
// some hundred bytes.
const segmentSize = 16 << 20

// SingleSegment is the largest size of a frame in the tar, in bytes, for which several layers are one
// segment.
const SingleSegment = 8 << 20

// Segments divides a frame of files with the given sizes in the tar. Small layers are one segment together,
// because compressing them again takes little time. A single layer is one segment, because all of it changes when it
// changes.
func Segments(sizes []int64) []Segment {
	var all []Segment
	at := int64(0)
	for i, size := range sizes {
		count := max(size/segmentSize, 1)
		for n := range count {
			from, to := size*n/count, size*(n+1)/count
			all = append(all, Segment{File: i, From: at + from, Size: to - from})
		}
		at += size
	}
	if at <= SingleSegment || len(sizes) == 1 {
		return []Segment{{Size: at}}
	}
	return all
}
