package main

import (
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// fillIn puts our own objects in the place of those of the simulator that lack something.
func fillIn() {
	registry := simulator.Map
	manager := registry.VirtualDiskManager().(*simulator.VirtualDiskManager)
	registry.Put(&disks{VirtualDiskManager: *manager})
	registry.Put(&index{SearchIndex: *registry.SearchIndex()})
	for _, entity := range registry.All("Datastore") {
		store := entity.(*simulator.Datastore)
		registry.Put(&browser{HostDatastoreBrowser: *registry.Get(store.Browser).(*simulator.HostDatastoreBrowser)})
	}
	registry.AddHandler(watcher{})
}

// file is where a datastore path lies on this machine; flat is where the disk's own bytes are.
func file(name string) (string, types.BaseMethodFault) {
	var p object.DatastorePath
	if !p.FromString(name) {
		return "", &types.InvalidDatastorePath{DatastorePath: name}
	}
	for _, entity := range simulator.Map.All("Datastore") {
		if store := entity.(*simulator.Datastore); store.Name == p.Datastore {
			return path.Join(store.Info.GetDatastoreInfo().Url, p.Path), nil
		}
	}
	return "", &types.InvalidDatastore{Name: p.Datastore}
}

func flat(file string) string { return strings.TrimSuffix(file, ".vmdk") + "-flat.vmdk" }

func sizeOf(file string) int64 {
	if info, err := os.Stat(flat(file)); err == nil {
		return info.Size()
	}
	return 0
}

func fault(err error, name string) types.BaseMethodFault {
	inner := types.FileFault{File: name}
	switch {
	case os.IsNotExist(err):
		return &types.FileNotFound{FileFault: inner}
	case os.IsExist(err):
		return &types.FileAlreadyExists{FileFault: inner}
	}
	return &types.CannotAccessFile{FileFault: inner}
}

func descriptor(name string, size int64) []byte {
	return []byte(fmt.Sprintf("# Disk DescriptorFile\nversion=1\ncreateType=\"vmfs\"\nRW %d VMFS \"%s\"\n", size/512, path.Base(flat(name))))
}

// disks are virtual disks with a size: the simulator's are empty files.
type disks struct{ simulator.VirtualDiskManager }

func (d *disks) CreateVirtualDiskTask(_ *simulator.Context, req *types.CreateVirtualDisk_Task) soap.HasFault {
	task := simulator.CreateTask(d, "createVirtualDisk", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		name, problem := file(req.Name)
		if problem != nil {
			return nil, problem
		}
		size := req.Spec.(*types.FileBackedVirtualDiskSpec).CapacityKb << 10
		f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0600)
		if err != nil {
			return nil, fault(err, req.Name)
		}
		_, _ = f.Write(descriptor(name, size))
		_ = f.Close()
		if err := resize(flat(name), size); err != nil {
			return nil, fault(err, req.Name)
		}
		return req.Name, nil
	})
	return &methods.CreateVirtualDisk_TaskBody{Res: &types.CreateVirtualDisk_TaskResponse{Returnval: task.Run()}}
}

func resize(file string, size int64) error {
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0600)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(size)
}

func (d *disks) ExtendVirtualDiskTask(_ *simulator.Context, req *types.ExtendVirtualDisk_Task) soap.HasFault {
	task := simulator.CreateTask(d, "extendVirtualDisk", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		name, problem := file(req.Name)
		if problem != nil {
			return nil, problem
		}
		if _, err := os.Stat(flat(name)); err != nil {
			return nil, fault(err, req.Name)
		}
		if parent(name) != "" {
			return nil, new(types.NotSupported)
		}
		if req.NewCapacityKb<<10 < sizeOf(name) {
			return nil, &types.InvalidArgument{InvalidProperty: "newCapacityKb"}
		}
		if err := resize(flat(name), req.NewCapacityKb<<10); err != nil {
			return nil, fault(err, req.Name)
		}
		return nil, nil
	})
	return &methods.ExtendVirtualDisk_TaskBody{Res: &types.ExtendVirtualDisk_TaskResponse{Returnval: task.Run()}}
}

// CopyVirtualDiskTask keeps holes, which the simulator's own fills.
func (d *disks) CopyVirtualDiskTask(_ *simulator.Context, req *types.CopyVirtualDisk_Task) soap.HasFault {
	task := simulator.CreateTask(d, "copyVirtualDisk", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if req.DestSpec != nil && simulator.Map.IsVPX() {
			return nil, new(types.NotImplemented)
		}
		from, problem := file(req.SourceName)
		if problem != nil {
			return nil, problem
		}
		to, problem := file(req.DestName)
		if problem != nil {
			return nil, problem
		}
		source, err := os.Open(flat(from))
		if err != nil {
			return nil, fault(err, req.SourceName)
		}
		defer source.Close()
		target, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0600)
		if err != nil {
			return nil, fault(err, req.DestName)
		}
		_, _ = target.Write(descriptor(to, sizeOf(from)))
		_ = target.Close()
		content, err := os.Create(flat(to))
		if err != nil {
			return nil, fault(err, req.DestName)
		}
		defer content.Close()
		if err := copySparse(content, source); err != nil {
			return nil, fault(err, req.DestName)
		}
		return nil, nil
	})
	return &methods.CopyVirtualDisk_TaskBody{Res: &types.CopyVirtualDisk_TaskResponse{Returnval: task.Run()}}
}

func copySparse(to *os.File, from *os.File) error {
	piece, zero := make([]byte, 1<<20), make([]byte, 1<<20)
	var at int64
	for {
		n, err := io.ReadFull(from, piece)
		if string(piece[:n]) != string(zero[:n]) {
			if _, err := to.WriteAt(piece[:n], at); err != nil {
				return err
			}
		}
		at += int64(n)
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return to.Truncate(at)
		}
		if err != nil {
			return err
		}
	}
}

// browser tells the capacity of virtual disks.
type browser struct{ simulator.HostDatastoreBrowser }

func (b *browser) SearchDatastoreTask(s *types.SearchDatastore_Task) soap.HasFault {
	answer := b.HostDatastoreBrowser.SearchDatastoreTask(s)
	ref := answer.(*methods.SearchDatastore_TaskBody).Res.Returnval
	task := simulator.Map.Get(ref).(*simulator.Task)
	if found, ok := task.Info.Result.(types.HostDatastoreBrowserSearchResults); ok {
		var p object.DatastorePath
		p.FromString(s.DatastorePath)
		store := simulator.Map.Get(*found.Datastore).(*simulator.Datastore)
		for _, each := range found.File {
			if disk, ok := each.(*types.VmDiskFileInfo); ok {
				disk.CapacityKb = sizeOf(path.Join(store.Info.GetDatastoreInfo().Url, p.Path, disk.Path)) >> 10
			}
		}
	}
	return answer
}

// index also tells whether there are several.
type index struct{ simulator.SearchIndex }

func (i *index) FindAllByUuid(req *types.FindAllByUuid) soap.HasFault {
	answer := &methods.FindAllByUuidBody{Res: new(types.FindAllByUuidResponse)}
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vm := entity.(*simulator.VirtualMachine)
		uuid := vm.Config.Uuid
		if req.InstanceUuid != nil && *req.InstanceUuid {
			uuid = vm.Config.InstanceUuid
		}
		if req.VmSearch && uuid == req.Uuid {
			answer.Res.Returnval = append(answer.Res.Returnval, vm.Self)
		}
	}
	return answer
}

// watcher has a disk's file follow the size that a machine's configuration gives it, and settles its options when a task
// on it has ended.
type watcher struct{}

func (watcher) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "LabWatcher", Value: "lab-watcher"}
}
func (watcher) PutObject(mo.Reference)                    {}
func (watcher) RemoveObject(types.ManagedObjectReference) {}
func (watcher) UpdateObject(obj mo.Reference, changes []types.PropertyChange) {
	if task, ok := obj.(*mo.Task); ok && task.Info.State == types.TaskInfoStateSuccess {
		settle(task.Info.Entity)
		if made, ok := task.Info.Result.(types.ManagedObjectReference); ok {
			settle(&made)
		}
	}
	vm, ok := obj.(*mo.VirtualMachine)
	if !ok {
		return
	}
	for _, change := range changes {
		switch change.Name {
		case "runtime.powerState":
			if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn {
				vm.Runtime.CleanPowerOff = nil
			}
		case "config.hardware.device":
			for _, device := range vm.Config.Hardware.Device {
				if disk, ok := device.(*types.VirtualDisk); ok {
					link(disk)
					follow(disk)
				}
			}
		}
	}
}

func settle(ref *types.ManagedObjectReference) {
	if ref != nil && ref.Type == "VirtualMachine" {
		if vm, ok := simulator.Map.Get(*ref).(*simulator.VirtualMachine); ok {
			vm.Config.ExtraConfig = settled(vm.Config.ExtraConfig)
		}
	}
}

// settled are the options as a real one keeps them: what was set last counts, and what was emptied is gone.
func settled(options []types.BaseOptionValue) []types.BaseOptionValue {
	last := map[string]int{}
	for i, option := range options {
		last[option.GetOptionValue().Key] = i
	}
	var out []types.BaseOptionValue
	for i, option := range options {
		if value := option.GetOptionValue(); last[value.Key] == i && value.Value != "" {
			out = append(out, option)
		}
	}
	return out
}

const hint = "parentFileNameHint="

// parent is the disk that this one is linked to, by what stands in its descriptor; empty if it is linked to none.
func parent(name string) string {
	content, err := os.ReadFile(name)
	if err != nil {
		return ""
	}
	for _, line := range strings.Split(string(content), "\n") {
		if strings.HasPrefix(line, hint) {
			return strings.Trim(strings.TrimPrefix(line, hint), "\"")
		}
	}
	return ""
}

// link makes a disk that was just created below another one: in truth it is a copy that knows whose. And one that is
// plugged in tells what it is linked to.
func link(disk *types.VirtualDisk) {
	backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok {
		return
	}
	name, problem := file(backing.FileName)
	if problem != nil {
		return
	}
	if above := parent(name); above != "" {
		backing.Parent = &types.VirtualDiskFlatVer2BackingInfo{
			VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: above},
			DiskMode:                     string(types.VirtualDiskModePersistent),
		}
		return
	}
	if backing.Parent == nil || sizeOf(name) > 0 {
		return
	}
	from, problem := file(backing.Parent.FileName)
	if problem != nil {
		return
	}
	source, err := os.Open(flat(from))
	if err != nil {
		return
	}
	defer source.Close()
	content, err := os.Create(flat(name))
	if err != nil {
		return
	}
	defer content.Close()
	if copySparse(content, source) == nil {
		_ = os.WriteFile(name, append(descriptor(name, sizeOf(from)), []byte(hint+"\""+backing.Parent.FileName+"\"\n")...), 0600)
	}
}

func follow(disk *types.VirtualDisk) {
	backing, ok := disk.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok || backing.Datastore == nil {
		return
	}
	var p object.DatastorePath
	if store, ok := simulator.Map.Get(*backing.Datastore).(*simulator.Datastore); ok && p.FromString(backing.FileName) {
		name := path.Join(store.Info.GetDatastoreInfo().Url, p.Path)
		size := disk.CapacityInBytes
		if size == 0 {
			size = disk.CapacityInKB << 10
		}
		if sizeOf(name) < size {
			_ = resize(flat(name), size)
		}
	}
}
