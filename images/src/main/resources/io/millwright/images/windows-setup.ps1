# Runs once, as SYSTEM, while Windows is being specialised: before it has any network or user.
$ErrorActionPreference = 'Stop'
$here = 'C:\ProgramData\Millwright'
New-Item -ItemType Directory -Force $here | Out-Null
# Only SYSTEM and administrators may look.
icacls $here /inheritance:r /grant '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' | Out-Null
Copy-Item -Force "$PSScriptRoot\first-boot.ps1", "$PSScriptRoot\task.json" $here
# The password that Setup wants stands on the medium for all to see, so nobody gets in from outside
# until it is no more.
netsh advfirewall set allprofiles firewallpolicy blockinboundalways,allowoutbound | Out-Null
$action = New-ScheduledTaskAction -Execute powershell.exe `
  -Argument "-NoProfile -ExecutionPolicy Bypass -File $here\first-boot.ps1"
$settings = New-ScheduledTaskSettingsSet -ExecutionTimeLimit 0 -AllowStartIfOnBatteries
Register-ScheduledTask -Force -TaskName Millwright -User SYSTEM -RunLevel Highest `
  -Action $action -Settings $settings -Trigger (New-ScheduledTaskTrigger -AtStartup) | Out-Null
$task = Get-Content -Raw -Encoding UTF8 "$here\task.json" | ConvertFrom-Json
foreach ($script in $task.after) {
  $file = "$here\$($script.name).ps1"
  [IO.File]::WriteAllText($file, $script.content, (New-Object Text.UTF8Encoding $true))
  & powershell.exe -NoProfile -ExecutionPolicy Bypass -File $file
  if ($LASTEXITCODE -ne 0) { throw "$($script.name) ended with $LASTEXITCODE" }
  Remove-Item $file
}
