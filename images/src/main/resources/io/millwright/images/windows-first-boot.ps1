# Runs as SYSTEM on every start until it is done: users, keys, network, files, scripts, and a report.
# Goes on where it was. Never prints where it reports to: that address is a permission.
$ErrorActionPreference = 'Stop'
$here = 'C:\ProgramData\Millwright'
$utf8 = New-Object Text.UTF8Encoding $false
$task = Get-Content -Raw -Encoding UTF8 "$here\task.json" | ConvertFrom-Json
# Windows Setup is still at work on the first start.
while ((Get-ItemProperty HKLM:\SYSTEM\Setup).SystemSetupInProgress -ne 0) { Start-Sleep 2 }

function New-Secret {
  $bytes = New-Object byte[] 24
  $random = [Security.Cryptography.RandomNumberGenerator]::Create()
  $random.GetBytes($bytes)
  ConvertTo-SecureString -AsPlainText -Force ([Convert]::ToBase64String($bytes) + 'aA1!')
}

# First of all: the password of the medium opens nothing any more.
$administrator = Get-LocalUser | Where-Object { $_.SID.Value -like 'S-1-5-21-*-500' }
$administrator | Set-LocalUser -Password (New-Secret)
if (Get-LocalUser -Name millwright -ErrorAction SilentlyContinue) { Remove-LocalUser -Name millwright }

foreach ($card in $task.cards) {
  $adapter = Get-NetAdapter -Physical |
    Where-Object { $card.mac -eq '' -or $_.MacAddress -eq $card.mac } | Select-Object -First 1
  if (-not $adapter) { continue }
  if ($adapter.Name -ne $card.name) { Rename-NetAdapter -Name $adapter.Name -NewName $card.name }
  if ($card.mtu -ne 0) {
    foreach ($family in $card.families) {
      Set-NetIPInterface -InterfaceAlias $card.name -AddressFamily $family -NlMtuBytes $card.mtu
    }
  }
  foreach ($family in $card.deaf) {
    Set-NetIPInterface -InterfaceAlias $card.name -AddressFamily $family -IgnoreDefaultRoutes Enabled
  }
}
if ($task.ntp.Count -gt 0) {
  Set-Service w32time -StartupType Automatic
  Start-Service w32time
  w32tm /config "/manualpeerlist:$($task.ntp -join ' ')" /syncfromflags:manual /update | Out-Null
}
foreach ($user in $task.users) {
  if (-not (Get-LocalUser -Name $user.name -ErrorAction SilentlyContinue)) {
    New-LocalUser -Name $user.name -Password (New-Secret) -PasswordNeverExpires | Out-Null
  }
  $sid = if ($user.administrator) { 'S-1-5-32-544' } else { 'S-1-5-32-545' }
  $member = Get-LocalGroupMember -SID $sid | Where-Object { $_.SID -eq (Get-LocalUser $user.name).SID }
  if (-not $member) { Add-LocalGroupMember -SID $sid -Member $user.name }
}
if (@($task.users | Where-Object { $_.keys.Count -gt 0 }).Count -gt 0) {
  if (-not (Get-Service sshd -ErrorAction SilentlyContinue)) {
    Add-WindowsCapability -Online -Name 'OpenSSH.Server~~~~0.0.1.0' | Out-Null
  }
  New-Item -ItemType Directory -Force C:\ProgramData\ssh\millwright | Out-Null
  [IO.File]::WriteAllText('C:\ProgramData\ssh\sshd_config',
    "PasswordAuthentication no`nAuthorizedKeysFile __PROGRAMDATA__/ssh/millwright/%u`n" +
    "Subsystem sftp sftp-server.exe`n", $utf8)
  foreach ($user in $task.users) {
    $file = "C:\ProgramData\ssh\millwright\$($user.name)"
    [IO.File]::WriteAllText($file, (($user.keys + '') -join "`n"), $utf8)
    icacls $file /inheritance:r /grant '*S-1-5-18:F' '*S-1-5-32-544:F' | Out-Null
  }
  Set-Service sshd -StartupType Automatic
  Restart-Service sshd
  if (-not (Get-NetFirewallRule -Name millwright-ssh -ErrorAction SilentlyContinue)) {
    New-NetFirewallRule -Name millwright-ssh -DisplayName 'SSH' -Direction Inbound -Protocol TCP `
      -LocalPort 22 -Action Allow -Profile Any | Out-Null
  }
}
foreach ($file in $task.files) {
  New-Item -ItemType Directory -Force (Split-Path $file.path) | Out-Null
  [IO.File]::WriteAllText($file.path, $file.content, $utf8)
}
netsh advfirewall set allprofiles firewallpolicy blockinbound,allowoutbound | Out-Null

# What was begun is never run a second time.
$results = @()
if (Test-Path "$here\results.json") {
  $results = @(Get-Content -Raw -Encoding UTF8 "$here\results.json" | ConvertFrom-Json)
}
function Save-Results($all) {
  [IO.File]::WriteAllText("$here\results.new", (ConvertTo-Json -InputObject @($all)), $utf8)
  Move-Item -Force "$here\results.new" "$here\results.json"
}
for ($i = $results.Count; $i -lt $task.scripts.Count; $i++) {
  $script = $task.scripts[$i]
  Save-Results ($results + @{ name = $script.name; exitCode = 255; output = 'the machine went down' })
  $program = "$here\script.ps1"
  [IO.File]::WriteAllText($program, $script.content, (New-Object Text.UTF8Encoding $true))
  $ErrorActionPreference = 'Continue'
  $said = (& powershell.exe -NoProfile -ExecutionPolicy Bypass -File $program 2>&1 | Out-String)
  $code = $LASTEXITCODE
  $ErrorActionPreference = 'Stop'
  Remove-Item $program
  if ($said.Length -gt 2000) { $said = $said.Substring($said.Length - 2000) }
  $results += @{ name = $script.name; exitCode = ($code -band 255); output = $said }
  Save-Results $results
}
if ($task.reportTo.Count -gt 0) {
  $links = @(Get-NetAdapter -Physical | ForEach-Object {
    $name = $_.Name
    @{
      name = $name.Substring(0, [Math]::Min(15, $name.Length)).Replace(' ', '-')
      mac = $_.MacAddress.Replace('-', ':').ToLower()
      addresses = @(Get-NetIPAddress -InterfaceAlias $name -ErrorAction SilentlyContinue |
        Where-Object { $_.AddressState -eq 'Preferred' -and $_.PrefixOrigin -ne 'WellKnown' -and
          $_.IPAddress -notlike 'fe80:*' } | ForEach-Object { $_.IPAddress })
    }
  })
  $keys = @(Get-ChildItem C:\ProgramData\ssh\ssh_host_*_key.pub -ErrorAction SilentlyContinue |
    ForEach-Object { ((Get-Content $_ -TotalCount 1) -split ' ')[0..1] -join ' ' })
  # Who is told that it is ready may take its power away: its host keys would be gone, say.
  try { Write-VolumeCache -DriveLetter C } catch { }
  $body = ConvertTo-Json -Depth 5 -InputObject @{
    hostKeys = $keys; interfaces = $links; scripts = @($results)
  }
  $end = (Get-Date).AddMinutes(5)
  $told = $false
  while (-not $told -and (Get-Date) -lt $end) {
    foreach ($door in $task.reportTo) {
      try {
        Invoke-WebRequest -UseBasicParsing -Method Post -Uri $door -TimeoutSec 15 `
          -ContentType 'application/json' -Body ([Text.Encoding]::UTF8.GetBytes($body)) | Out-Null
        $told = $true
        break
      } catch {
        if ($_.Exception.Response -and [int]$_.Exception.Response.StatusCode -eq 410) {
          $told = $true
          break
        }
      }
    }
    if (-not $told) { Start-Sleep 2 }
  }
  if (-not $told) { exit 1 } # tries again on the next start
}
Unregister-ScheduledTask -TaskName Millwright -Confirm:$false
# They hold what others should not see.
Remove-Item -Force "$here\task.json", "$here\results.json", "$here\first-boot.ps1" -ErrorAction SilentlyContinue
if ($task.poweroff) { Stop-Computer -Force }
