package directory_test

// SHA-256 of the messages of sample and sampleHead.
const (
	vectorGenesis    = "220abc8378a6fe1a40c3c0439cc30625359b4c21995923b7a8474a76ad5915ad"
	vectorDirectory  = "f863f87974e95556866f15faab11c1d2be2e9eb3e3d233059505c4608dbb1830"
	vectorState      = "2bc98ec569eda95cb0e90c5a140cc5d08b3800ca41e79f65927f0b8d43409cfc"
	vectorCheckpoint = "a21ab9a45ed04401f45855ab5ad711e49730fc78fced7ca682bd6692f2200c11"
)
