' Made by Millwright: prepares the one disk to install on, and takes all others away from Setup.
' If it is not exactly one, Setup sees no disk at all, and stops.
Option Explicit
Const Serial = "mw-system"
Const AtLeast = 0
Const AtMost = 0
Const Untouched = "  "
Const Uefi = False
Dim shell, files, out, drive, chosen, found
Set shell = CreateObject("WScript.Shell")
Set files = CreateObject("Scripting.FileSystemObject")
found = 0
For Each drive In GetObject("winmgmts:\\.\root\cimv2").ExecQuery("SELECT * FROM Win32_DiskDrive")
  If Fits(drive) Then
    found = found + 1
    chosen = drive.Index
  End If
Next
Set out = files.CreateTextFile("X:\millwright.txt", True)
For Each drive In GetObject("winmgmts:\\.\root\cimv2").ExecQuery("SELECT * FROM Win32_DiskDrive")
  If found <> 1 Or drive.Index <> chosen Then
    out.WriteLine "select disk " & drive.Index
    out.WriteLine "offline disk noerr"
  End If
Next
If found = 1 Then
  out.WriteLine "select disk " & chosen
  out.WriteLine "online disk noerr"
  out.WriteLine "attributes disk clear readonly noerr"
  out.WriteLine "clean"
  If Uefi Then
    out.WriteLine "convert gpt"
    out.WriteLine "create partition efi size=300"
    out.WriteLine "format quick fs=fat32 label=System"
    out.WriteLine "create partition msr size=16"
  Else
    out.WriteLine "convert mbr"
    out.WriteLine "create partition primary size=500"
    out.WriteLine "format quick fs=ntfs label=System"
    out.WriteLine "active"
  End If
  out.WriteLine "create partition primary"
  out.WriteLine "format quick fs=ntfs label=Windows"
End If
out.Close
If shell.Run("diskpart /s X:\millwright.txt", 0, True) <> 0 Or found <> 1 Then WScript.Quit 1

Function Fits(drive)
  Dim number, size, rest
  number = Trim(drive.SerialNumber & "")
  size = 0
  If Not IsNull(drive.Size) Then size = CDbl(drive.Size)
  ' Whole cylinders only: the disk itself is larger, by less than one.
  rest = drive.TracksPerCylinder * drive.SectorsPerTrack * drive.BytesPerSector
  If IsNull(rest) Then rest = 0
  Fits = False
  If drive.InterfaceType = "USB" Then Exit Function
  If number <> "" And InStr(Untouched, " " & number & " ") > 0 Then Exit Function
  If Serial <> "" Then
    Fits = (number = Serial)
  Else
    Fits = ((size >= AtLeast Or size + rest > AtLeast) And size <= AtMost)
  End If
End Function
