package dockerfile

import (
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// Ports returns the ports of an EXPOSE in order, each with its protocol, such as 80/tcp.
func (d *File) Ports(lex *shell.Lex, c *instructions.ExposeCommand, vars *Env, lint *linter.Linter) (all []string, err error) {
	for _, word := range c.Ports {
		words, err := d.expandWords(lex, word, vars)
		if err != nil {
			return nil, err
		}
		for _, w := range words {
			ports, err := parsePorts(w)
			if err != nil {
				return nil, fmt.Errorf("EXPOSE %s: %w", w, err)
			}
			if _, proto, _ := strings.Cut(w, "/"); proto != strings.ToLower(proto) {
				lint.Run(&linter.RuleExposeProtoCasing, c.Location(), linter.RuleExposeProtoCasing.Format(w))
			}
			if strings.Contains(w, ":") {
				lint.Run(&linter.RuleExposeInvalidFormat, c.Location(), linter.RuleExposeInvalidFormat.Format(w))
			}
			all = append(all, ports...)
		}
	}
	return all, nil
}

// parsePorts parses [[IP:]HOST:]PORT[-LAST][/PROTOCOL] and returns each port with its
// protocol. As in Docker, the host part is checked and ignored.
func parsePorts(word string) ([]string, error) {
	host := ""
	rest := word
	if i := strings.LastIndex(word, ":"); i >= 0 {
		host, rest = word[:i], word[i+1:]
	}
	ports, proto, _ := strings.Cut(rest, "/")
	switch proto = strings.ToLower(proto); proto {
	case "":
		proto = "tcp"
	case "tcp", "udp", "sctp":
	default:
		return nil, fmt.Errorf("protocol %q: want tcp, udp or sctp", proto)
	}
	first, last, err := parseRange(ports)
	if err != nil {
		return nil, err
	}
	if host != "" {
		ip, hostPorts := "", host
		if i := strings.LastIndex(host, ":"); i >= 0 {
			ip, hostPorts = strings.Trim(host[:i], "[]"), host[i+1:]
		}
		if ip != "" && net.ParseIP(ip) == nil {
			return nil, fmt.Errorf("%q is not an IP address", ip)
		}
		if hostPorts != "" {
			hostFirst, hostLast, err := parseRange(hostPorts)
			if err != nil {
				return nil, err
			}
			if hostLast-hostFirst != last-first && last != first {
				return nil, fmt.Errorf("%s ports of the host for %s", hostPorts, ports)
			}
		}
	}
	var all []string
	for port := first; port <= last; port++ {
		all = append(all, strconv.Itoa(port)+"/"+proto)
	}
	return all, nil
}

func parseRange(s string) (first, last int, err error) {
	from, to, ok := strings.Cut(s, "-")
	if !ok {
		to = from
	}
	if first, err = parsePort(from); err != nil {
		return 0, 0, err
	}
	if last, err = parsePort(to); err != nil {
		return 0, 0, err
	}
	if last < first {
		return 0, 0, fmt.Errorf("ports %s: the second is less than the first", s)
	}
	return first, last, nil
}

func parsePort(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		return 0, fmt.Errorf("port %q: want a number up to 65535", s)
	}
	return int(n), nil
}
