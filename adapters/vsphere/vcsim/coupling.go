package main

import (
	"context"
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/types"
)

// What another simulator is told of this vCenter, and what it tells: NSX's switches are port groups here, and
// a machine that is switched on is a host elsewhere.

// guest is what a guest knows of itself; the hostname and the address are empty where nobody told it.
type guest struct {
	ID       string  `json:"id"`
	Name     string  `json:"name"`
	On       bool    `json:"on"`
	Hostname string  `json:"hostname"`
	Address  string  `json:"address"`
	CPUs     int32   `json:"cpus"`
	MemoryMB int32   `json:"memory_mb"`
	Disks    []int64 `json:"disks"`
}

// guests are those of all machines that are no templates.
func guests() []guest {
	all := []guest{}
	for _, entity := range simulator.Map.All("VirtualMachine") {
		vm := entity.(*simulator.VirtualMachine)
		if vm.Config.Template {
			continue
		}
		found := guest{
			ID:       vm.Self.Value,
			Name:     vm.Name,
			On:       vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn,
			CPUs:     vm.Config.Hardware.NumCPU,
			MemoryMB: vm.Config.Hardware.MemoryMB,
			Disks:    []int64{},
		}
		if vm.Guest != nil {
			found.Hostname, found.Address = vm.Guest.HostName, vm.Guest.IpAddress
		}
		for _, device := range vm.Config.Hardware.Device {
			if disk, ok := device.(*types.VirtualDisk); ok {
				found.Disks = append(found.Disks, disk.CapacityInKB>>20)
			}
		}
		all = append(all, found)
	}
	return all
}

// join makes the port groups that somebody else's switches are. Those of before that are not named any more
// go, unless a machine is on them.
func (f *front) join(names []string) error {
	f.joining.Lock()
	defer f.joining.Unlock()
	wanted := map[string]bool{}
	for _, name := range names {
		wanted[name] = true
		if f.joined[name] {
			continue
		}
		if err := addGroup(f.client, name); err != nil {
			return err
		}
		f.joined[name] = true
	}
	for name := range f.joined {
		if !wanted[name] && removeGroup(f.client, name) {
			delete(f.joined, name)
		}
	}
	return nil
}

func addGroup(client *vim25.Client, name string) error {
	ctx := context.Background()
	switches := object.NewDistributedVirtualSwitch(
		client, simulator.Map.Any("DistributedVirtualSwitch").Reference())
	task, err := switches.AddPortgroup(ctx, []types.DVPortgroupConfigSpec{{Name: name}})
	if err != nil {
		return err
	}
	if err = task.Wait(ctx); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// removeGroup removes a port group that no machine is on, and with it what the simulator leaves behind: hosts
// and clusters would still name it.
func removeGroup(client *vim25.Client, name string) bool {
	for _, group := range simulator.Map.All("DistributedVirtualPortgroup") {
		if group.Entity().Name != name {
			continue
		}
		ref := group.Reference()
		if inUse(ref) {
			return false
		}
		task, err := object.NewCommon(client, ref).Destroy(context.Background())
		if err != nil || task.Wait(context.Background()) != nil {
			return false
		}
		for _, entity := range simulator.Map.All("HostSystem") {
			host := entity.(*simulator.HostSystem)
			forget(&host.Network, ref)
		}
		for _, entity := range simulator.Map.All("ClusterComputeResource") {
			cluster := entity.(*simulator.ClusterComputeResource)
			forget(&cluster.Network, ref)
		}
	}
	return true
}

func inUse(group types.ManagedObjectReference) bool {
	for _, entity := range simulator.Map.All("VirtualMachine") {
		for _, network := range entity.(*simulator.VirtualMachine).Network {
			if network == group {
				return true
			}
		}
	}
	return false
}

// forget takes every mention out; a cluster has one for each of its hosts.
func forget(networks *[]types.ManagedObjectReference, gone types.ManagedObjectReference) {
	var left []types.ManagedObjectReference
	for _, network := range *networks {
		if network != gone {
			left = append(left, network)
		}
	}
	*networks = left
}
