//go:build ignore

// Make writes the sample documents that the demo deposits: `go run packaging/samples/make.go DIR`.
// Everything in them is drawn and written here, so they may go anywhere Casemate goes.
package main

import (
	"archive/zip"
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"log"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: go run packaging/samples/make.go DIR")
	}
	picture, ledger := drawPNG(), ledgerCSV()
	for name, content := range map[string][]byte{
		"deed.pdf":    drawPDF(),
		"door.png":    picture,
		"minutes.txt": []byte(minutes),
		"year.zip":    pack(map[string][]byte{"ledger.csv": ledger, "door.png": picture, "minutes.txt": []byte(minutes)}),
	} {
		if err := os.WriteFile(filepath.Join(os.Args[1], name), content, 0o644); err != nil {
			log.Fatal(err)
		}
	}
}

const minutes = `Minutes of the board · Procès-verbal du conseil

The board met on the first of March. Four members were present, one by letter.
Le conseil approuve les comptes à l'unanimité ; l'original de la présente est déposé au coffre.

1. The accounts of the year are approved: 12 340,50 € carried forward.
2. The keys of the old safe are handed over and destroyed before two witnesses.
3. Σύμβαση, договор, 契約: contracts in foreign languages are kept as they were signed.
`

func ledgerCSV() []byte {
	var b bytes.Buffer
	b.WriteString("month,in,out\n")
	for m := 1; m <= 12; m++ {
		fmt.Fprintf(&b, "%02d,%d.00,%d.50\n", m, 1000+m*37, 900+m*m)
	}
	return b.Bytes()
}

// pack makes a zip whose bytes depend on nothing but its members.
func pack(members map[string][]byte) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range []string{"ledger.csv", "door.png", "minutes.txt"} {
		f, err := w.CreateHeader(&zip.FileHeader{
			Name: name, Method: zip.Deflate, Modified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
		})
		if err == nil {
			_, err = f.Write(members[name])
		}
		if err != nil {
			log.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}

// drawPNG draws the door of a safe, seen from the front.
func drawPNG() []byte {
	const size = 192
	img := image.NewGray(image.Rect(0, 0, size, size))
	for y := range size {
		for x := range size {
			dx, dy := float64(x)-size/2+.5, float64(y)-size/2+.5
			r, angle := math.Hypot(dx, dy), math.Atan2(dy, dx)
			edge := math.Max(math.Abs(dx), math.Abs(dy))
			shade := uint8(70 + y/4)
			switch {
			case edge > 88:
				shade = 250
			case edge > 80:
				shade = 30
			case r > 52 && r < 56 && int((angle+math.Pi)*60/math.Pi)%2 == 0:
				shade = 235 // the marks of the dial
			case r < 48 && r > 45:
				shade = 25
			case r < 45 && math.Abs(math.Mod(angle+math.Pi, math.Pi/2)-math.Pi/4) < .12:
				shade = 225 // the four spokes
			case r < 12:
				shade = 210
			}
			img.SetGray(x, y, color.Gray{Y: shade})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		log.Fatal(err)
	}
	return b.Bytes()
}

// letters are strokes on a grid four wide and six high.
var letters = map[rune]string{
	'C': "4,1 3,0 1,0 0,1 0,5 1,6 3,6 4,5", 'A': "0,0 2,6 4,0|1,2 3,2", 'S': "0,1 1,0 3,0 4,1 4,2 0,4 0,5 1,6 3,6 4,5",
	'E': "4,0 0,0 0,6 4,6|0,3 3,3", 'M': "0,0 0,6 2,3 4,6 4,0", 'T': "2,0 2,6|0,6 4,6",
}

// drawPDF draws one page after the rules of PDF/A-2b (ISO 19005-2): no fonts, a colour space
// that needs no device, metadata in clear, an identifier, nothing from outside.
func drawPDF() []byte {
	var page strings.Builder
	page.WriteString("/Gray CS 0.1 SC 6 w 1 j 1 J\n150 330 295 295 re S\n2 w 165 345 265 265 re S\n")
	for _, r := range []float64{80, 62, 14} { // circles from four Bézier curves
		k := r * .5523
		fmt.Fprintf(&page, "%.2f 477.5 m %.2f %.2f %.2f %.2f 297.5 %.2f c ", 297.5+r, 297.5+r, 477.5+k, 297.5+k, 477.5+r, 477.5+r)
		fmt.Fprintf(&page, "%.2f %.2f %.2f %.2f %.2f 477.5 c ", 297.5-k, 477.5+r, 297.5-r, 477.5+k, 297.5-r)
		fmt.Fprintf(&page, "%.2f %.2f %.2f %.2f 297.5 %.2f c ", 297.5-r, 477.5-k, 297.5-k, 477.5-r, 477.5-r)
		fmt.Fprintf(&page, "%.2f %.2f %.2f %.2f %.2f 477.5 c s\n", 297.5+k, 477.5-r, 297.5+r, 477.5-k, 297.5+r)
	}
	page.WriteString("5 w\n")
	for i, letter := range "CASEMATE" {
		for _, stroke := range strings.Split(letters[letter], "|") {
			for j, point := range strings.Fields(stroke) {
				var x, y float64
				fmt.Sscanf(point, "%f,%f", &x, &y)
				fmt.Fprintf(&page, "%.1f %.1f %s ", 138+float64(i)*41+x*7, 240+y*8, []string{"m", "l"}[min(j, 1)])
			}
			page.WriteString("S\n")
		}
	}
	return assemble(page.String())
}

const xmp = `<?xpacket begin="` + "\ufeff" + `" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:pdfaid="http://www.aiim.org/pdfa/ns/id/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<pdfaid:part>2</pdfaid:part><pdfaid:conformance>B</pdfaid:conformance>
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Deed of deposit (sample)</rdf:li></rdf:Alt></dc:title>
</rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>`

func assemble(page string) []byte {
	objects := []string{
		"<< /Type /Catalog /Pages 2 0 R /Metadata 5 0 R /Lang (en) >>",
		"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
		"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R\n" +
			"/Resources << /ColorSpace << /Gray [/CalGray << /WhitePoint [0.9505 1 1.089] /Gamma 2.2 >>] >> >> >>",
		fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(page), page),
		fmt.Sprintf("<< /Type /Metadata /Subtype /XML /Length %d >>\nstream\n%s\nendstream", len(xmp), xmp),
	}
	var b bytes.Buffer
	b.WriteString("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
	table := "0000000000 65535 f \n"
	for i, o := range objects {
		table += fmt.Sprintf("%010d 00000 n \n", b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", i+1, o)
	}
	fmt.Fprintf(&b, "xref\n0 %d\n%s", len(objects)+1, table)
	at := b.Len() - len(table) - len(fmt.Sprintf("xref\n0 %d\n", len(objects)+1))
	const id = "<436173656d617465206465656420202031>"
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R /ID [%s %s] >>\nstartxref\n%d\n%%%%EOF\n", len(objects)+1, id, id, at)
	return b.Bytes()
}
