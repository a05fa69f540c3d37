# Installs slipway on Windows: downloads the binary and its checksums, compares them, and
# replaces an older binary.
#
#   iwr https://github.com/slipway-build/slipway/releases/latest/download/install.ps1 -UseBasicParsing | iex
#   $env:SLIPWAY_ARTIFACTS = 'E:\'; .\install.ps1     # from files, without a network
#
# SLIPWAY_VERSION       version, such as v0.2.0; default: the latest release
# SLIPWAY_INSTALL_DIR   folder; default: %ProgramFiles%\slipway
# SLIPWAY_ARTIFACTS     folder with the files of a release; nothing is downloaded
# SLIPWAY_BASE_URL      another server; default: https://github.com/slipway-build/slipway/releases
& {
    Set-StrictMode -Version 2.0
    $ErrorActionPreference = 'Stop'
    $ProgressPreference = 'SilentlyContinue' # its bar makes downloads slow

    if ($env:PROCESSOR_ARCHITECTURE -ne 'AMD64') {
        throw "install.ps1: there is no binary for $env:PROCESSOR_ARCHITECTURE; want AMD64, or build it with go install"
    }
    $build = [Environment]::OSVersion.Version.Build
    if ($build -lt 17763) {
        throw "install.ps1: Windows build $build is too old; want 17763 (Windows Server 2019) or newer"
    }
    $binary = 'slipway.windows-amd64.exe'
    $sums = 'sha256sum-amd64.txt'
    $dir = $env:SLIPWAY_INSTALL_DIR
    if (-not $dir) { $dir = Join-Path $env:ProgramFiles 'slipway' }

    $temp = Join-Path ([IO.Path]::GetTempPath()) ([Guid]::NewGuid().ToString())
    New-Item -ItemType Directory -Path $temp | Out-Null
    try {
        if ($env:SLIPWAY_ARTIFACTS) {
            foreach ($file in $binary, $sums) {
                $source = Join-Path $env:SLIPWAY_ARTIFACTS $file
                if (-not (Test-Path -LiteralPath $source -PathType Leaf)) {
                    throw "install.ps1: $env:SLIPWAY_ARTIFACTS has no $file"
                }
                Copy-Item -LiteralPath $source -Destination $temp
            }
        } else {
            # Old versions of Windows do not offer TLS 1.2 by themselves.
            [Net.ServicePointManager]::SecurityProtocol = [Net.ServicePointManager]::SecurityProtocol -bor [Net.SecurityProtocolType]::Tls12
            $base = $env:SLIPWAY_BASE_URL
            if (-not $base) { $base = 'https://github.com/slipway-build/slipway/releases' }
            $url = "$base/latest/download"
            if ($env:SLIPWAY_VERSION) { $url = "$base/download/$env:SLIPWAY_VERSION" }
            foreach ($file in $sums, $binary) {
                Invoke-WebRequest -UseBasicParsing -Uri "$url/$file" -OutFile (Join-Path $temp $file)
            }
        }

        # The line of the binary alone: the other files of the release are not here.
        $wanted = $null
        foreach ($line in Get-Content -LiteralPath (Join-Path $temp $sums)) {
            $words = $line -split '\s+', 2
            if ($words.Count -eq 2 -and $words[1].TrimStart('*') -eq $binary) { $wanted = $words[0] }
        }
        if (-not $wanted) { throw "install.ps1: $sums has no checksum of $binary" }
        $found = (Get-FileHash -Algorithm SHA256 -LiteralPath (Join-Path $temp $binary)).Hash
        if ($found -ne $wanted) {
            throw "install.ps1: $binary has the SHA-256 $found, and $sums says ${wanted}: it is damaged, or not of this release"
        }

        New-Item -ItemType Directory -Force -Path $dir | Out-Null
        $target = Join-Path $dir 'slipway.exe'
        $old = "$target.old"
        # A binary that runs cannot be replaced, but it can be renamed.
        if (Test-Path -LiteralPath $old) { Remove-Item -Force -LiteralPath $old -ErrorAction SilentlyContinue }
        if (Test-Path -LiteralPath $target) { Move-Item -Force -LiteralPath $target -Destination $old }
        Move-Item -LiteralPath (Join-Path $temp $binary) -Destination $target
        Remove-Item -Force -LiteralPath $old -ErrorAction SilentlyContinue
        & $target version
        if (($env:Path -split ';') -notcontains $dir) { Write-Warning "$dir is not in PATH" }
    } finally {
        Remove-Item -Recurse -Force -LiteralPath $temp
    }
}
