// A vCenter (or a stand-alone ESXi host) for development and tests: govmomi's simulator from Debian's package
// golang-github-vmware-govmomi-dev, with a certificate of its own and with those parts of the protocol that this
// version of it leaves out and a real vCenter has: sizes of virtual disks and their growing, disks that
// are linked to others, options of machines that are set anew or taken away, and
// a search for all machines of one UUID.
// It boots nothing: a machine that is powered on is a record that says so.
package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"flag"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "loopback address and port")
	dir := flag.String("dir", "", "where ca.pem and url are written")
	esx := flag.Bool("esx", false, "a stand-alone host in place of a vCenter")
	machines := flag.Int("machines", 0, "how many machines of others there are")
	password := flag.String("password-file", "", "file with the password of the user millwright")
	flag.Parse()
	check(os.MkdirAll(*dir, 0700))
	secret, err := os.ReadFile(*password)
	check(err)

	model := simulator.VPX()
	if *esx {
		model = simulator.ESX()
	}
	model.Machine = *machines
	model.Pool = 1
	check(model.Create())
	fillIn()
	furnish()

	model.Service.Listen = &url.URL{Host: *listen, User: url.UserPassword("millwright", string(secret))}
	model.Service.TLS = &tls.Config{Certificates: []tls.Certificate{certificate(filepath.Join(*dir, "ca.pem"))}}
	model.Service.ServeMux = http.NewServeMux()
	model.Service.ServeMux.HandleFunc("/lab/crash", crash)
	model.Service.ServeMux.HandleFunc("/lab/tools", tools)
	model.Service.ServeMux.HandleFunc("/lab/machines", list)
	server := model.Service.NewServer()
	// Its last act: whoever finds the file can connect.
	target := filepath.Join(*dir, "url")
	check(os.WriteFile(target+".new", []byte("https://"+server.URL.Host+"\n"), 0600))
	check(os.Rename(target+".new", target))

	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGINT, syscall.SIGTERM)
	<-end
	model.Remove()
}

// furnish gives the machines of others the least that a machine can do with.
func furnish() {
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vm := entity.(*simulator.VirtualMachine)
		vm.Config.Hardware.MemoryMB = 256
		vm.Summary.Config.MemorySizeMB = 256
		for _, device := range vm.Config.Hardware.Device {
			if disk, is := device.(*types.VirtualDisk); is {
				disk.CapacityInKB = 1 << 20
				disk.CapacityInBytes = 1 << 30
			}
		}
	}
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// certificate makes an authority, writes it down, and a certificate for loopback that it has signed.
func certificate(file string) tls.Certificate {
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Millwright lab"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	raw, err := x509.CreateCertificate(rand.Reader, authority, authority, &authorityKey.PublicKey, authorityKey)
	check(err)
	check(os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw}), 0600))

	leaf := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "vcenter.lab.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(1, 0, 0),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(err)
	signed, err := x509.CreateCertificate(rand.Reader, leaf, authority, &key.PublicKey, authorityKey)
	check(err)
	return tls.Certificate{Certificate: [][]byte{signed}, PrivateKey: key}
}

func machine(w http.ResponseWriter, r *http.Request) *simulator.VirtualMachine {
	for _, entity := range simulator.Map.All("VirtualMachine") {
		if vm := entity.(*simulator.VirtualMachine); vm.Config.InstanceUuid == r.URL.Query().Get("uid") {
			return vm
		}
	}
	w.WriteHeader(http.StatusNotFound)
	return nil
}

// list tells of each machine its uid, its first card's MAC, whether it is on, and its name.
func list(w http.ResponseWriter, r *http.Request) {
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vm := entity.(*simulator.VirtualMachine)
		simulator.Map.WithLock(vm, func() {
			mac := "-"
			for _, device := range vm.Config.Hardware.Device {
				if card, is := device.(types.BaseVirtualEthernetCard); is && mac == "-" {
					mac = card.GetVirtualEthernetCard().MacAddress
				}
			}
			fmt.Fprintln(w, vm.Config.InstanceUuid, mac, vm.Runtime.PowerState, vm.Name)
		})
	}
}

// crash ends a machine as if its process had died: it is off, and that was no orderly end.
func crash(w http.ResponseWriter, r *http.Request) {
	if vm := machine(w, r); vm != nil {
		simulator.Map.WithLock(vm, func() {
			vm.Runtime.CleanPowerOff = types.NewBool(false)
			simulator.Map.Update(vm, []types.PropertyChange{
				{Name: "runtime.powerState", Val: types.VirtualMachinePowerStatePoweredOff},
			})
		})
	}
}

// tools has a machine's guest tools report an address of its first card.
func tools(w http.ResponseWriter, r *http.Request) {
	if vm := machine(w, r); vm != nil {
		simulator.Map.WithLock(vm, func() {
			nics := append([]types.GuestNicInfo{}, vm.Guest.Net...)
			nics[0].IpAddress = []string{r.URL.Query().Get("ip"), "fe80::1"}
			simulator.Map.Update(vm, []types.PropertyChange{
				{Name: "guest.toolsRunningStatus", Val: string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)},
				{Name: "guest.net", Val: nics},
			})
		})
	}
}
