package main

import (
	"os"
	"path/filepath"
	"strings"

	"casemate/store/proof"
)

// receiptNames says where each document's receipt goes: --receipt names a file for
// one document, or a folder for any number.
func (a *app) receiptNames(f depositFlags, groups [][]source) ([]string, error) {
	names := make([]string, len(groups))
	if f.receipt == "" {
		return names, nil
	}
	if f.receipt == "-" {
		return nil, a.usage(a.t.ReceiptStdoutHint, "%s", a.t.ReceiptStdout)
	}
	info, err := os.Stat(f.receipt)
	folder := err == nil && info.IsDir()
	if !folder && len(groups) > 1 {
		return nil, a.usage(a.t.ReceiptFolderHint, a.t.ReceiptForMany, f.receipt)
	}
	taken := map[string]bool{}
	for i, group := range groups {
		names[i] = f.receipt
		if folder {
			names[i] = filepath.Join(f.receipt, localName(group[0].name, 1)+".asice")
		}
		if taken[strings.ToLower(names[i])] {
			return nil, a.usage(a.t.ReceiptTwiceHint, a.t.ReceiptTwice, names[i])
		}
		taken[strings.ToLower(names[i])] = true
		if err := a.mayCreate(names[i], f.force); err != nil {
			return nil, err
		}
	}
	return names, nil
}

// localName makes of an attested name one that is safe to create here: a depositor
// chose it, maybe to reach another folder, hide, or overwrite. A name that is not
// plain is replaced by the one the receipt uses (document-0001.pdf).
func localName(name string, index int) string {
	if plainName(name) {
		return name
	}
	return proof.DocumentName(index, name)
}

func plainName(name string) bool {
	if name == "" || len(name) > 200 || name != clean(name) {
		return false
	}
	if strings.ContainsAny(name, `/\:*?"<>|`) || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "-") {
		return false
	}
	if strings.HasSuffix(name, ".") || strings.HasSuffix(name, " ") {
		return false // Windows drops them
	}
	stem, _, _ := strings.Cut(strings.ToUpper(name), ".")
	return !reserved[strings.TrimSpace(stem)]
}

// reserved are device names on Windows whatever their extension.
var reserved = map[string]bool{
	"CON": true, "PRN": true, "AUX": true, "NUL": true, "CONIN$": true, "CONOUT$": true,
	"COM1": true, "COM2": true, "COM3": true, "COM4": true, "COM5": true, "COM6": true, "COM7": true, "COM8": true, "COM9": true,
	"LPT1": true, "LPT2": true, "LPT3": true, "LPT4": true, "LPT5": true, "LPT6": true, "LPT7": true, "LPT8": true, "LPT9": true,
}
