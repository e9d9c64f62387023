package interop

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
)

// grpcurl runs the program, which learns the schema from the node by reflection.
//
// It knows no SPIFFE ids and would check the host name, of which a node's certificate says nothing: -insecure leaves the
// node unchecked, and the client certificate is checked by the node all the same.
func grpcurl(t *testing.T, request any, arguments ...string) string {
	t.Helper()
	dir := hefei(t).dir
	fixed := []string{"-insecure", "-max-time", "20",
		"-cert", filepath.Join(dir, "client.pem"), "-key", filepath.Join(dir, "client.key")}
	if request != nil {
		fixed = append(fixed, "-d", "@")
	}
	command := exec.CommandContext(timeout(t), environment(t, "MUNIMENT_GRPCURL"),
		append(append(fixed, hefei(t).address), arguments...)...)
	if request != nil {
		input, err := json.Marshal(request)
		if err != nil {
			t.Fatal(err)
		}
		command.Stdin = bytes.NewReader(input)
	}
	var stderr bytes.Buffer
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("grpcurl %v: %v\n%s", arguments, err, stderr.String())
	}
	return string(output)
}

// call calls a method of the ledger's service and reads its answer.
func call(t *testing.T, method string, request any) map[string]any {
	t.Helper()
	var answer map[string]any
	output := grpcurl(t, request, "muniment.v1.LedgerService/"+method)
	if err := json.Unmarshal([]byte(output), &answer); err != nil {
		t.Fatalf("%s: %v in %s", method, err, output)
	}
	return answer
}

func TestGrpcurlListsEncodesSubmitsAndReadsByReflection(t *testing.T) {
	services := strings.Fields(grpcurl(t, nil, "list"))
	for _, wanted := range []string{"muniment.v1.LedgerService", "muniment.admin.v1.ClusterService", "grpc.health.v1.Health"} {
		if !strings.Contains(strings.Join(services, " "), wanted) {
			t.Errorf("%s is not among %q", wanted, services)
		}
	}
	type object = map[string]any
	exchange := "grpcurl-" + uuid.NewString()
	encoded := call(t, "EncodeRecord", object{"record": object{
		"region":     "gbt2260:340100",
		"actor":      object{"system": "system:exchange-gateway"},
		"occurredAt": object{"unixMs": time.Now().UnixMilli()},
		"accessExecuted": object{
			"side":     "SIDE_PROVIDER",
			"exchange": exchange,
			"provider": "uscc:91350100M000100Y43",
			"consumer": "uscc:91350100M000100Y43",
			"dataSet":  "catalogue:307009001/15",
		},
	}})
	submitted := call(t, "Submit", object{
		"requestId": encoded["requestId"],
		"record":    encoded["record"],
		"waitFor":   "LEVEL_COSIGNED",
	})["submitted"].(object)
	if submitted["level"] != "LEVEL_COSIGNED" || submitted["receipt"] == "" {
		t.Fatalf("submitted %v", submitted)
	}
	read := call(t, "GetRecord", object{"recordDigest": encoded["recordDigest"], "decode": true})["record"].(object)
	access := read["record"].(object)["accessExecuted"].(object)
	// The ledger's first leaf is 0, which ProtoJSON leaves out here, and not above, where the field is optional.
	leaf, _ := read["leafIndex"].(string)
	if leaf == "" {
		leaf = "0"
	}
	if access["exchange"] != exchange || leaf != submitted["leafIndex"] {
		t.Fatalf("submitted %v, read %v", submitted, read)
	}
}
