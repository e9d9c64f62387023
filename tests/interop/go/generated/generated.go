// Package generated reads what `muniment generate` writes.
package generated

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
)

// Record is one line.
type Record struct {
	Kind   string
	Suite  string
	Blind  []byte
	Bytes  []byte
	Digest []byte
}

// lineMax bounds a line: a record of 64 KiB in hexadecimal, and what stands around it.
const lineMax = 256 * 1024

// Read reads a file of JSON lines.
func Read(path string) ([]Record, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, lineMax)
	var records []Record
	for lines.Scan() {
		record, err := parse(lines.Bytes())
		if err != nil {
			return nil, fmt.Errorf("%s, line %d: %w", path, len(records)+1, err)
		}
		records = append(records, record)
	}
	return records, lines.Err()
}

func parse(line []byte) (Record, error) {
	var text struct {
		Kind   string `json:"kind"`
		Suite  string `json:"suite"`
		Blind  string `json:"blind"`
		Record string `json:"record"`
		Digest string `json:"record_digest"`
	}
	if err := json.Unmarshal(line, &text); err != nil {
		return Record{}, err
	}
	record := Record{Kind: text.Kind, Suite: text.Suite}
	for _, field := range []struct {
		bytes *[]byte
		text  string
	}{{&record.Blind, text.Blind}, {&record.Bytes, text.Record}, {&record.Digest, text.Digest}} {
		bytes, err := hex.DecodeString(field.text)
		if err != nil {
			return Record{}, err
		}
		*field.bytes = bytes
	}
	return record, nil
}
