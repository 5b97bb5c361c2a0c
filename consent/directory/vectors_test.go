package directory_test

// SHA-256 of the messages of sample and sampleHead.
const (
	vectorGenesis    = "46ca5d0e485d53f0ba3377612a4359edec881fdff745f65da358017cbee20e4e"
	vectorDirectory  = "39b42e5939a98e1671075aebeae6db87068a98fd41947eade98ad775e2308351"
	vectorState      = "3d02601e09b119de8f002292e3adc8361b6317d94ca425ff42de74a008a49236"
	vectorCheckpoint = "dbc5abfb9f670ac1fc2a36c0b32498b57685f1dd79dd27d33190bbb437b61bc6"
)
