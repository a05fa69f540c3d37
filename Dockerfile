# The Linux images of this repository. No stage has a RUN, so they are built without an
# engine, for any architecture, from cross-compiled binaries: the named context bin is
# dist/bin/linux-<arch>.

# The first process of a pod; see cmd/slipway-pause.
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

# Nodes unpack this image: programs in /bin, charts in /charts. Both folders must exist,
# since nodes extract them by name. The files that change least come first, so that many
# releases share their layer.
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
