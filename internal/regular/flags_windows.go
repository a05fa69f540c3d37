package regular

import "os"

// Windows has no pipes in folders; opening one by its name (\\.\pipe\…) does not block.
const flags = os.O_RDONLY
