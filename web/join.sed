# Of the page as it is served: its scripts but the library come as one, page.js, which compresses better than each alone.
/<script src="hubbub\.js"/b
s/<script src="dom\.js"/<script src="page.js"/
t
/<script src="/d
