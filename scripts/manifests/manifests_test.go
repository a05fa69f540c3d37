// Package manifests checks the Kubernetes manifests of examples.
package manifests

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
)

// decoder returns a decoder that accepts what an API server accepts with --validate=strict: no unknown kind, and no unknown
// or duplicate field.
func decoder(t *testing.T) runtime.Decoder {
	t.Helper()
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme, policyv1.AddToScheme, rbacv1.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			t.Fatal(err)
		}
	}
	return serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer()
}

func TestTheFleetIsValid(t *testing.T) {
	raw, err := os.ReadFile("../../examples/buildkit-fleet/buildkit.yaml")
	if err != nil {
		t.Fatal(err)
	}
	decoder := decoder(t)
	documents := 0
	for reader := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(raw))); ; documents++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := decoder.Decode(document, nil, nil); err != nil {
			t.Errorf("%v\n%s", err, document)
		}
	}
	if want := strings.Count(string(raw), "\nkind: "); documents != want || want == 0 {
		t.Errorf("%d documents, want %d", documents, want)
	}
}

// A mistake in a name is found.
func TestMistakesAreFound(t *testing.T) {
	const service = "apiVersion: v1\nkind: Service\nmetadata: {name: a}\nspec: {portz: []}\n"
	if _, _, err := decoder(t).Decode([]byte(service), nil, nil); err == nil || !strings.Contains(err.Error(), "portz") {
		t.Errorf("the error is %v", err)
	}
}
