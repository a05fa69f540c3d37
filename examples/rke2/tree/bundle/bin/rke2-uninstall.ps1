Write-Output "removes the example"
