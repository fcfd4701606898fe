package main

import (
	"context"
	"fmt"
	"path"

	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// site is what is there before anybody comes.
type site struct {
	datacenter, cluster, datastore, template string
	hosts, networks, folders, pools          []string
	cores                                    int
	memory, capacity                         int64
}

// furnish names the model's objects and adds datastore, port groups and the template.
func (s site) furnish(client *vim25.Client, folder string) error {
	ctx := context.Background()
	rename("Datacenter", s.datacenter)
	rename("ClusterComputeResource", s.cluster)
	number := 0
	for _, host := range simulator.Map.All("HostSystem") {
		host.Entity().Name = s.hosts[number]
		number++
		s.size(host.(*simulator.HostSystem))
		system := object.NewHostSystem(client, host.Reference())
		stores, err := system.ConfigManager().DatastoreSystem(ctx)
		if err != nil {
			return err
		}
		if _, err = stores.CreateLocalDatastore(ctx, s.datastore, folder); err != nil {
			return err
		}
	}
	for _, store := range simulator.Map.All("Datastore") {
		if s.capacity > 0 {
			summary := &store.(*simulator.Datastore).Summary
			summary.Capacity, summary.FreeSpace = s.capacity<<30, s.capacity<<30
		}
	}
	for _, name := range s.networks {
		if err := addGroup(client, name); err != nil {
			return err
		}
	}
	if err := s.places(ctx, client); err != nil {
		return err
	}
	template, err := s.machine(client, s.template, "", s.networks[0], 16)
	if err != nil {
		return err
	}
	return object.NewVirtualMachine(client, template).MarkAsTemplate(ctx)
}

// size gives a host the cores and memory that were asked for.
func (s site) size(host *simulator.HostSystem) {
	if s.cores > 0 {
		host.Summary.Hardware.NumCpuCores = int16(s.cores)
	}
	if s.memory > 0 {
		host.Summary.Hardware.MemorySize = s.memory << 20
	}
}

// places makes the folders and the resource pools.
func (s site) places(ctx context.Context, client *vim25.Client) error {
	finder := find.NewFinder(client, false)
	center, err := finder.Datacenter(ctx, s.datacenter)
	if err != nil {
		return err
	}
	finder.SetDatacenter(center)
	for _, name := range s.folders {
		above, err := finder.Folder(ctx, path.Join("/"+s.datacenter+"/vm", path.Dir(name)))
		if err != nil {
			return err
		}
		if _, err = above.CreateFolder(ctx, path.Base(name)); err != nil {
			return err
		}
	}
	for _, name := range s.pools {
		above, err := finder.ResourcePool(ctx, path.Join(s.cluster, "Resources", path.Dir(name)))
		if err != nil {
			return err
		}
		if _, err = above.Create(ctx, path.Base(name), types.DefaultResourceConfigSpec()); err != nil {
			return err
		}
	}
	return nil
}

func rename(kind, name string) {
	simulator.Map.Any(kind).Entity().Name = name
}

// machine makes a VM with one disk and one NIC, as somebody would by hand.
func (s site) machine(client *vim25.Client, name, folder, network string, gib int64) (types.ManagedObjectReference, error) {
	var none types.ManagedObjectReference
	ctx := context.Background()
	finder := find.NewFinder(client, false)
	center, err := finder.Datacenter(ctx, s.datacenter)
	if err != nil {
		return none, err
	}
	finder.SetDatacenter(center)
	place, err := finder.Folder(ctx, "/"+s.datacenter+"/vm/"+folder)
	if err != nil {
		return none, err
	}
	pool, err := finder.ResourcePool(ctx, s.cluster+"/Resources")
	if err != nil {
		return none, err
	}
	backing, err := s.backing(ctx, client, network)
	if err != nil {
		return none, err
	}
	var devices object.VirtualDeviceList
	scsi, _ := devices.CreateSCSIController("pvscsi")
	disk := devices.CreateDisk(scsi.(types.BaseVirtualController), none,
		fmt.Sprintf("[%s] %s/disk1.vmdk", s.datastore, name))
	disk.CapacityInKB = gib << 20
	nic, err := devices.CreateEthernetCard("vmxnet3", backing)
	if err != nil {
		return none, err
	}
	devices = append(devices, scsi, disk, nic)
	config := types.VirtualMachineConfigSpec{
		Name:     name,
		NumCPUs:  2,
		MemoryMB: 4096,
		GuestId:  string(types.VirtualMachineGuestOsIdentifierUbuntu64Guest),
		Files:    &types.VirtualMachineFileInfo{VmPathName: "[" + s.datastore + "]"},
	}
	config.DeviceChange, _ = devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd)
	task, err := place.CreateVM(ctx, config, pool, nil)
	if err != nil {
		return none, err
	}
	info, err := task.WaitForResult(ctx, nil)
	if err != nil {
		return none, err
	}
	return info.Result.(types.ManagedObjectReference), nil
}

func (s site) backing(ctx context.Context, client *vim25.Client, network string) (types.BaseVirtualDeviceBackingInfo, error) {
	for _, group := range simulator.Map.All("DistributedVirtualPortgroup") {
		if group.Entity().Name == network {
			return object.NewDistributedVirtualPortgroup(client, group.Reference()).EthernetCardBackingInfo(ctx)
		}
	}
	return nil, fmt.Errorf("there is no network %s", network)
}

// seen is a machine as a person would see it.
type seen struct {
	Template bool     `json:"template"`
	On       bool     `json:"on"`
	CPUs     int32    `json:"cpus"`
	MemoryMB int32    `json:"memory_mb"`
	Disks    []int64  `json:"disks"`
	Networks []string `json:"networks"`
	Note     string   `json:"annotation"`
	Folder   string   `json:"folder"`
}

// machines are all machines by name.
func machines() map[string]seen {
	all := map[string]seen{}
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vm := entity.(*simulator.VirtualMachine)
		found := seen{
			Template: vm.Config.Template,
			On:       vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn,
			CPUs:     vm.Config.Hardware.NumCPU,
			MemoryMB: vm.Config.Hardware.MemoryMB,
			Disks:    []int64{},
			Networks: []string{},
			Note:     vm.Config.Annotation,
		}
		if vm.Parent != nil {
			found.Folder = simulator.Map.Get(*vm.Parent).(mo.Entity).Entity().Name
		}
		for _, device := range vm.Config.Hardware.Device {
			if disk, ok := device.(*types.VirtualDisk); ok {
				found.Disks = append(found.Disks, disk.CapacityInKB>>20)
			}
		}
		for _, network := range vm.Network {
			found.Networks = append(found.Networks, simulator.Map.Get(network).(mo.Entity).Entity().Name)
		}
		all[vm.Name] = found
	}
	return all
}
