package main

import (
	"context"
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

var simulatorContext = context.Background()

// clone is the machine that a CloneVM_Task made, if it made one.
func clone(result answer) *simulator.VirtualMachine {
	found := taskID.FindSubmatch(result.Body.Bytes())
	if found == nil {
		return nil
	}
	task, ok := simulator.Map.Get(types.ManagedObjectReference{Type: "Task", Value: string(found[1])}).(*simulator.Task)
	if !ok || task.Info.State != types.TaskInfoStateSuccess {
		return nil
	}
	made, _ := simulator.Map.Get(task.Info.Result.(types.ManagedObjectReference)).(*simulator.VirtualMachine)
	return made
}

// complete does what a vCenter does in the same task, and the simulator does not: sizes, annotation,
// customization, power.
func (f *front) complete(made *simulator.VirtualMachine, request *types.CloneVM_Task) {
	restoreNICs(made)
	if config := request.Spec.Config; config != nil {
		spec := types.VirtualMachineConfigSpec{
			NumCPUs: config.NumCPUs, MemoryMB: config.MemoryMB, Annotation: config.Annotation,
		}
		_, _ = methods.ReconfigVM_Task(simulatorContext, f.client,
			&types.ReconfigVM_Task{This: made.Self, Spec: spec})
	}
	f.mu.Lock()
	silent := f.silent[made.Name]
	f.mu.Unlock()
	if told := request.Spec.Customization; told != nil && !silent {
		_, _ = methods.CustomizeVM_Task(simulatorContext, f.client,
			&types.CustomizeVM_Task{This: made.Self, Spec: *told})
	}
	if request.Spec.PowerOn {
		_, _ = methods.PowerOnVM_Task(simulatorContext, f.client, &types.PowerOnVM_Task{This: made.Self})
	}
}

// restoreNICs makes a guest show every NIC: the simulator forgets one whose network is changed.
func restoreNICs(vm *simulator.VirtualMachine) {
	var cards []types.GuestNicInfo
	for _, device := range vm.Config.Hardware.Device {
		card, ok := device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		shown := types.GuestNicInfo{
			MacAddress:     card.GetVirtualEthernetCard().MacAddress,
			Connected:      true,
			DeviceConfigId: card.GetVirtualEthernetCard().Key,
		}
		for _, old := range vm.Guest.Net {
			if old.MacAddress == shown.MacAddress {
				shown = old
			}
		}
		cards = append(cards, shown)
	}
	if len(cards) != len(vm.Guest.Net) {
		vm.Guest.Net = cards
	}
}

// unshare gives a machine devices of its own: the simulator's clones hold those of their source.
func unshare(ref types.ManagedObjectReference) {
	if vm, ok := simulator.Map.Get(ref).(*simulator.VirtualMachine); ok {
		copied := deepCopy(reflect.ValueOf(vm.Config.Hardware.Device))
		vm.Config.Hardware.Device = copied.Interface().([]types.BaseVirtualDevice)
	}
}

func deepCopy(value reflect.Value) reflect.Value {
	switch value.Kind() {
	case reflect.Ptr:
		if value.IsNil() {
			return value
		}
		copied := reflect.New(value.Type().Elem())
		copied.Elem().Set(deepCopy(value.Elem()))
		return copied
	case reflect.Interface:
		if value.IsNil() {
			return value
		}
		copied := reflect.New(value.Type()).Elem()
		copied.Set(deepCopy(value.Elem()))
		return copied
	case reflect.Slice:
		if value.IsNil() {
			return value
		}
		copied := reflect.MakeSlice(value.Type(), value.Len(), value.Len())
		for i := 0; i < value.Len(); i++ {
			copied.Index(i).Set(deepCopy(value.Index(i)))
		}
		return copied
	case reflect.Struct:
		copied := reflect.New(value.Type()).Elem()
		copied.Set(value)
		for i := 0; i < value.NumField(); i++ {
			if copied.Field(i).CanSet() {
				copied.Field(i).Set(deepCopy(value.Field(i)))
			}
		}
		return copied
	default:
		return value
	}
}
