package directory_test

// SHA-256 of the messages of sample and sampleHead.
const (
	vectorGenesis    = "57a93ca321a7dfc82f81c32dab2500910168863d673519f84fef52ee1ff7115b"
	vectorDirectory  = "54d22c5a1b73ad3d85a2b7a2a204e69f3e9047fbaac2433311ae7f3093577564"
	vectorState      = "aba08ed871d30d77a770d13d1e9977342c1e03443c2a64e9997ee37377864bd6"
	vectorCheckpoint = "5b8994ee28ac3ccf2e04f8734aa2e4a64fb58b0447f51328ae6ea25f20934fe9"
)
