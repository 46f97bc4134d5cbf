// Package setup is what the first start of a box is made of: the answers a person gives, where things
// stand, what lies on a disk that is to become a volume, and the record by which a set-up that failed, or
// was killed, is undone. Package appliance puts them together.
package setup
