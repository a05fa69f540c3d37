// Package caches opens the shared caches that flags, the environment and slipway.yaml name.
package caches
