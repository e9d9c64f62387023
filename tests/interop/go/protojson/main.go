// Command protojson turns the records of a `muniment generate` file into ProtoJSON, one a line: the Java tests encode them
// from there, so that their bytes owe nothing to the bytes that Rust wrote.
package main

import (
	"bufio"
	"fmt"
	"os"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	munimentv1 "muniment.example/tests/interop/go/gen/muniment/v1"
	"muniment.example/tests/interop/go/generated"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: protojson GENERATED OUT")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "protojson:", err)
		os.Exit(1)
	}
}

func run(in, out string) error {
	records, err := generated.Read(in)
	if err != nil {
		return err
	}
	file, err := os.Create(out)
	if err != nil {
		return err
	}
	defer file.Close()
	lines := bufio.NewWriter(file)
	for number, record := range records {
		var message munimentv1.Record
		if err := proto.Unmarshal(record.Bytes, &message); err != nil {
			return fmt.Errorf("record %d: %w", number, err)
		}
		line, err := protojson.Marshal(&message)
		if err != nil {
			return fmt.Errorf("record %d: %w", number, err)
		}
		// An error stays in the writer until Flush.
		lines.Write(line)
		lines.WriteByte('\n')
	}
	if err := lines.Flush(); err != nil {
		return err
	}
	return file.Close()
}
