package serve

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/slipway-build/slipway/images/airgap"
	"github.com/slipway-build/slipway/images/airgap/format"
)

// A byteRange is the requested part of a blob.
type byteRange struct{ begin, end int64 }

func (s *Server) serveBlob(w http.ResponseWriter, r *http.Request, repo *repository, digest string) {
	if !validDigest(w, digest) {
		return
	}
	b := repo.blobs[digest]
	if b == nil {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", repo.name+" does not have it")
		return
	}
	identify(w, digest)
	w.Header().Set("Accept-Ranges", "bytes")
	etag := w.Header().Get("Etag")
	if match := r.Header.Get("If-None-Match"); match == "*" || strings.Contains(match, etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	part, partial, ok := byteRange{0, b.size}, false, true
	if condition := r.Header.Get("If-Range"); condition == "" || condition == etag {
		part, partial, ok = parseRange(r.Header.Get("Range"), b.size)
	}
	if !ok {
		w.Header().Del("Etag")
		w.Header().Set("Content-Range", fmt.Sprintf("bytes */%d", b.size))
		refuse(w, http.StatusRequestedRangeNotSatisfiable, "RANGE_INVALID", fmt.Sprintf("the blob has %d bytes", b.size))
		return
	}
	status := http.StatusOK
	if partial {
		status = http.StatusPartialContent
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", part.begin, part.end-1, b.size))
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Length", strconv.FormatInt(part.end-part.begin, 10))
	if r.Method == http.MethodHead || part.begin == part.end {
		w.WriteHeader(status)
		return
	}
	started := func() { w.WriteHeader(status) }
	if err := s.sendBlob(r.Context(), w, b, part, started); err != nil {
		s.fail(w, r, err)
	}
}

// parseRange parses a Range header (RFC 9110, section 14.2). A header with several ranges, or a
// malformed one, is ignored, as the RFC allows: the whole blob is served. ok is false if the range is
// outside the blob.
func parseRange(header string, size int64) (part byteRange, partial, ok bool) {
	all := byteRange{0, size}
	spec, isBytes := strings.CutPrefix(header, "bytes=")
	first, last, isRange := strings.Cut(strings.TrimSpace(spec), "-")
	if !isBytes || !isRange || strings.Contains(spec, ",") {
		return all, false, true
	}
	number := func(s string) (int64, bool) {
		n, err := strconv.ParseUint(s, 10, 63)
		return int64(n), err == nil
	}
	if first == "" {
		n, valid := number(last)
		if !valid {
			return all, false, true
		}
		return byteRange{size - min(n, size), size}, true, n > 0 && size > 0
	}
	begin, valid := number(first)
	if !valid {
		return all, false, true
	}
	end := size
	if last != "" {
		n, valid := number(last)
		if !valid || n < begin {
			return all, false, true
		}
		end = min(n, size-1) + 1
	}
	return byteRange{begin, end}, true, begin < size
}

// A brokenOff is an error after the first bytes of the answer were sent.
type brokenOff struct{ error }

// fail ends a request that cannot be answered. Clients do not get the reason, since it contains the paths of archives.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	var broken *brokenOff
	switch {
	case errors.As(err, &broken):
		// The client notices that it received fewer bytes than Content-Length.
		panic(http.ErrAbortHandler)
	case r.Context().Err() != nil:
		return
	}
	for _, header := range []string{"Etag", "Content-Range", "Content-Length", "Accept-Ranges", "Docker-Content-Digest"} {
		w.Header().Del(header)
	}
	if errors.Is(err, errNoRoom) {
		w.Header().Set("Retry-After", "10")
		refuse(w, http.StatusServiceUnavailable, "TOOMANYREQUESTS", "too much is being decompressed at the moment")
		return
	}
	refuse(w, http.StatusInternalServerError, "UNKNOWN", "the archive cannot be read here; the server's log says why")
}

// sendBlob sends a part of a blob. It calls started before it sends the first byte.
func (s *Server) sendBlob(ctx context.Context, w io.Writer, b *blob, part byteRange, started func()) error {
	if b.stream != nil {
		return s.sendStream(ctx, w, b, part, started)
	}
	if b.archive == nil {
		started()
		_, err := w.Write(b.raw[part.begin:part.end])
		return broken(err)
	}
	f, err := b.archive.File(ctx, b.file)
	if err == nil && f.Size() != b.size {
		err = b.archive.Wrap(fmt.Errorf("layer %s has %d bytes instead of %d", f.Name(), f.Size(), b.size))
	}
	if err != nil {
		s.logUnlessGone(ctx, err)
		return err
	}
	if f.Sparse() {
		return s.sendDirect(ctx, w, b.archive, f, part, started)
	}
	if b.archive.Codec() == format.Tar {
		return s.sendPlain(ctx, w, b.archive, f, part, started)
	}
	run, err := s.decoded.acquire(b.archive, f)
	if errors.Is(err, errNoRoom) {
		return s.sendDirect(ctx, w, b.archive, f, part, started)
	}
	if err != nil {
		s.logUnlessGone(ctx, err)
		return err
	}
	defer s.decoded.release(run)
	err = run.send(ctx, w, run.files[f.Name()], part, started)
	var begun *brokenOff
	if errors.Is(err, errNoRoom) && !errors.As(err, &begun) {
		return s.sendDirect(ctx, w, b.archive, f, part, started)
	}
	return err
}

func (s *Server) logUnlessGone(ctx context.Context, err error) {
	if ctx.Err() == nil {
		s.log(err.Error())
	}
}

func broken(err error) error {
	if err == nil {
		return nil
	}
	return &brokenOff{err}
}

// sendPlain sends a part of a file of a plain tar. If the archive is one file, the kernel copies it.
func (s *Server) sendPlain(ctx context.Context, w io.Writer, a *airgap.Archive, f airgap.File, part byteRange, started func()) error {
	size := part.end - part.begin
	from, err := a.OpenPlain(f, part.begin, size)
	if err != nil {
		s.logUnlessGone(ctx, err)
		return err
	}
	defer from.Close()
	started()
	n, err := io.CopyN(w, from, size)
	if err == io.EOF {
		s.logUnlessGone(ctx, a.Wrap(fmt.Errorf("file %q ends after %d bytes", f.Name(), part.begin+n)))
	}
	return broken(err)
}

// directWait is the maximum time that a request waits before it may decompress.
const directWait = 30 * time.Second

// sendDirect decompresses a file for this request only.
func (s *Server) sendDirect(ctx context.Context, w io.Writer, a *airgap.Archive, f airgap.File, part byteRange, started func()) error {
	patience := time.NewTimer(directWait)
	defer patience.Stop()
	select {
	case s.direct <- struct{}{}:
		defer func() { <-s.direct }()
	case <-patience.C:
		return errNoRoom
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	from, err := a.OpenAlone(ctx, f, part.begin)
	if err != nil {
		s.logUnlessGone(ctx, err)
		return err
	}
	defer from.Close()
	started()
	if _, err := io.CopyN(w, from, part.end-part.begin); err != nil {
		s.logUnlessGone(ctx, a.Wrap(fmt.Errorf("file %q: %w", f.Name(), err)))
		return broken(err)
	}
	return nil
}

// send sends a part of a file of a run, even while the run is being decompressed. The kernel copies it.
func (run *decodedRun) send(ctx context.Context, w io.Writer, f *decodedFile, part byteRange, started func()) error {
	from, err := run.open(ctx, f, part.begin)
	if err != nil {
		return err
	}
	defer from.Close()
	if _, err := from.Seek(part.begin, io.SeekStart); err != nil {
		return err
	}
	started()
	for pos := part.begin; pos < part.end; {
		ready, err := run.wait(ctx, f, pos)
		if err != nil {
			return broken(err)
		}
		n, err := io.CopyN(w, from, min(ready, part.end)-pos)
		if err != nil {
			return broken(err)
		}
		pos += n
	}
	return nil
}
