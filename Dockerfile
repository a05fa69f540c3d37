# The Linux images of this repository. None of their stages runs a program, so
# that they are made without an engine, for any architecture, from binaries that
# were cross-compiled: the named context bin is dist/bin/linux-<arch>.

# The pod's first process: see cmd/slipway-pause.
FROM scratch AS pause
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="slipway-pause" \
      org.opencontainers.image.description="Holds the namespaces of a pod and reaps its orphans" \
      org.opencontainers.image.source="https://github.com/slipway-build/slipway" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=bin --chmod=0755 slipway-pause /
USER 65535:65535
ENTRYPOINT ["/slipway-pause"]

# What a node unpacks: programs in /bin, charts in /charts. Both folders must be
# there; nodes extract them by name. What changes least comes first, so that its
# layer is shared by many releases.
FROM scratch AS runtime
ARG VERSION
ARG REVISION
LABEL org.opencontainers.image.title="slipway-runtime" \
      org.opencontainers.image.description="Programs and charts of a Linux node" \
      org.opencontainers.image.source="https://github.com/slipway-build/slipway" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY charts/ /charts/
COPY --from=bin --chmod=0755 bridge host-local loopback portmap /bin/
COPY --from=bin --chmod=0755 slipway /bin/
